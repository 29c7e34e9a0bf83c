"""Decoded samples: the same as read ones, within their bytes, shared, reused, never trusted blindly."""

import errno
import os
import platform

import numpy as np
import pytest
from data_helpers import list_dataset

from paddleseg_lite.data import BatchSampler, Dataset, DecodedCache, train_batches
from paddleseg_lite.errors import ConfigError, EnvironmentProblem

ON_LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="forked workers and file locks")


def dataset(root, **kwargs):
    return Dataset(**{"dataset_root": str(root), "num_classes": 3, "train_path": "train.txt", **kwargs})


@pytest.mark.parametrize("kind", ["memory", "disk"])
@pytest.mark.parametrize("ignore_index", [255, -1])
def test_cached_is_as_read(tmp_path, kind, ignore_index):
    list_dataset(tmp_path, size=(25, 33))
    plain = dataset(tmp_path, ignore_index=ignore_index)
    cached = dataset(tmp_path, ignore_index=ignore_index, cache=kind, cache_bytes=1 << 20, cache_dir=tmp_path / "c")
    cached.open_cache()
    for _ in range(2):
        for i in range(4):
            a, b = plain.load(i), cached.load(i)
            assert (a["image"] == b["image"]).all() and (a["label"] == b["label"]).all() and a["meta"] == b["meta"]
            assert a["label"].dtype == b["label"].dtype == (np.uint8 if ignore_index == 255 else np.int32)
    os.remove(tmp_path / "images/1.png")  # held: the file is not needed again
    assert cached.load(1)["image"].shape == (25, 33, 3)
    with pytest.raises(ValueError):
        cached.load(1)["image"][0, 0] = 0  # what is shared cannot be changed


def test_stays_within_its_bytes(tmp_path):
    list_dataset(tmp_path, count=8, size=(20, 20))
    room = 64 + 8 * 64 + 3 * 1600
    cached = dataset(tmp_path, cache="memory", cache_bytes=room)
    cached.open_cache()
    for _ in range(2):
        for i in range(8):
            assert cached.load(i)["image"].shape == (20, 20, 3)
    assert len(cached._cache) == 3 and len(cached._cache._block) == room


@ON_LINUX
def test_workers_fill_and_share_it(tmp_path):
    list_dataset(tmp_path, count=6)
    cached = dataset(tmp_path, cache="memory", cache_bytes=1 << 20, transforms=[{"type": "Normalize"}])
    schedule = BatchSampler(6, 2, seed=0)
    first = [b["image"].numpy() for b in train_batches(cached, schedule, seed=0, stop_iter=3, num_workers=2)]
    assert len(cached._cache) == 6  # filled in other processes, seen in this one
    for i in range(6):
        os.remove(tmp_path / f"images/{i}.png")
    again = [b["image"].numpy() for b in train_batches(cached, schedule, seed=0, stop_iter=3, num_workers=1)]
    assert all((a == b).all() for a, b in zip(first, again))


def test_a_later_run_finds_it_full(tmp_path):
    list_dataset(tmp_path)
    options = {"cache": "disk", "cache_bytes": 1 << 20, "cache_dir": tmp_path / "c"}
    first = dataset(tmp_path, **options)
    first.open_cache()
    expected = [first.load(i)["image"].copy() for i in range(4)]
    del first
    second = dataset(tmp_path, **options)
    second.open_cache()
    assert len(second._cache) == 4 and all((second.load(i)["image"] == expected[i]).all() for i in range(4))
    del second
    # a damaged entry is read afresh
    (file,) = (tmp_path / "c").iterdir()
    data = bytearray(file.read_bytes())
    data[64 + 4 * 64 + 100] ^= 255
    file.write_bytes(data)
    third = dataset(tmp_path, **options)
    third.open_cache()
    assert all((third.load(i)["image"] == expected[i]).all() for i in range(4))
    del third
    # other files, another cache
    os.utime(tmp_path / "images/0.png", (1, 1))
    fourth = dataset(tmp_path, **options)
    fourth.open_cache()
    assert len(fourth._cache) == 0


def test_a_lock_that_is_never_returned_does_not_stop_the_run():
    cache, image = DecodedCache(2, 10000), np.ones((2, 2, 3), np.uint8)
    cache._lock.acquire()
    assert not cache.put(0, image, None) and cache.get(0) is None
    cache._lock.release()
    assert cache.put(0, image, None) and (cache.get(0)[0] == 1).all() and cache.get(0)[1] is None


@ON_LINUX
def test_a_file_in_use_is_left_alone(tmp_path, caplog):
    one = DecodedCache(2, 10000, tmp_path / "a.bin")
    two = DecodedCache(2, 10000, tmp_path / "a.bin")
    image = np.zeros((2, 2, 3), np.uint8)
    assert one.enabled and one.put(0, image, None) and not two.enabled
    assert not two.put(0, image, None) and two.get(0) is None and len(two) == 0
    assert "is used by another run" in caplog.text


@ON_LINUX
def test_a_full_disk_ends_the_cache_and_not_the_process(tmp_path, monkeypatch, caplog):
    """A mapped page that finds no space kills the process, so space is taken before it is written to."""
    cache, image = DecodedCache(3, 3 << 20, tmp_path / "a.bin"), np.full((50, 50, 3), 7, np.uint8)
    assert os.stat(tmp_path / "a.bin").st_blocks * 512 < 1 << 20  # it grows as it fills
    assert cache.put(0, image, None)

    def full(handle, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not cache.put(1, image, None) and not cache.put(2, image, None)
    assert caplog.text.count("the disk is full") == 1
    np.testing.assert_array_equal(cache.get(0)[0], image)  # what is held stays of use
    assert cache.get(1) is None and len(cache) == 1
    assert not DecodedCache(3, 3 << 20, tmp_path / "b.bin").enabled


@ON_LINUX
def test_a_file_system_that_cannot_reserve_is_used_all_the_same(tmp_path, monkeypatch):
    def unsupported(handle, start, size):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    cache = DecodedCache(2, 10000, tmp_path / "a.bin")
    assert cache.enabled and cache.put(0, np.zeros((2, 2, 3), np.uint8), None)


def test_messages(tmp_path):
    list_dataset(tmp_path)
    with pytest.raises(ConfigError, match="cache is memory, disk or none, but got 'ram'"):
        dataset(tmp_path, cache="ram")
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="choose a smaller cache_bytes"):
        DecodedCache(2, 1 << 62)
    cached = dataset(tmp_path, cache="disk", cache_dir=tmp_path / "file" / "x")
    with pytest.raises(EnvironmentProblem, match=r"cannot make the cache .*another cache_dir"):
        cached.open_cache()
