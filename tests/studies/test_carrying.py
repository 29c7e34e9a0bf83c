"""Archives of run folders: whole or not at all."""

import pytest

from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.studies.carrying import Keeper, Storage, pack, unpack


def make(folder, iteration, *, manifest=True):
    checkpoint = folder / f"iter_{iteration}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.bin").write_bytes(bytes([iteration]) * 1000)
    if manifest:
        (checkpoint / "manifest.json").write_text("{}")
    return checkpoint


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_an_archive_holds_what_is_whole_and_no_locks(tmp_path):
    run = tmp_path / "run"
    make(run, 1)
    make(run, 2, manifest=False)  # is just being written
    for name in ("run.lock", "claim.lock", "log.txt", ".writing-1"):
        (run / name).write_text(name)
    unpack(pack(run), tmp_path / "copy")
    assert names(tmp_path / "copy") == ["iter_1/manifest.json", "iter_1/model.bin", "log.txt"]
    assert (tmp_path / "copy" / "iter_1" / "model.bin").read_bytes() == bytes([1]) * 1000


def test_unpacking_takes_the_place_of_older_checkpoints(tmp_path):
    make(tmp_path / "new", 3)
    make(tmp_path / "old", 1)
    make(tmp_path / "old", 3)
    (tmp_path / "old" / "iter_3" / "model.bin").write_bytes(b"damaged")
    (tmp_path / "old" / "claim.lock").write_text("mine")
    unpack(pack(tmp_path / "new"), tmp_path / "old")
    assert names(tmp_path / "old") == ["claim.lock", "iter_3/manifest.json", "iter_3/model.bin"]
    assert (tmp_path / "old" / "iter_3" / "model.bin").read_bytes() == bytes([3]) * 1000


def test_a_checkpoint_that_vanishes_while_it_is_packed_is_left_out(tmp_path, monkeypatch):
    from pathlib import Path

    make(tmp_path / "run", 1)
    (tmp_path / "run" / "log.txt").write_text("said")
    real = Path.read_bytes

    def read(path):
        if path.name == "model.bin":
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    data = pack(tmp_path / "run")
    monkeypatch.undo()
    unpack(data, tmp_path / "copy")
    assert names(tmp_path / "copy") == ["log.txt"]


def test_the_keeper_gives_what_it_was_given(tmp_path):
    keeper = Keeper(str(tmp_path / "runs"))
    assert keeper.load("abc") is None
    make(tmp_path / "here", 5)
    keeper.save("abc", pack(tmp_path / "here"))
    unpack(keeper.load("abc"), tmp_path / "there")
    assert names(tmp_path / "there") == names(tmp_path / "here")


def test_storage_by_url(tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed (requirements-cluster.txt)")
    storage = Storage(f"file://{tmp_path}/store")
    assert storage.load("abc") is None
    make(tmp_path / "here", 5)
    storage.save("abc", pack(tmp_path / "here"))
    storage.save("abc", pack(tmp_path / "here"))
    storage.fetch("abc", tmp_path / "there")
    assert names(tmp_path / "there") == names(tmp_path / "here")
    assert [p.name for p in (tmp_path / "store").iterdir()] == ["abc.tar"]
    with pytest.raises(EnvironmentProblem, match=r"--storage nosuch://x cannot be used"):
        Storage("nosuch://x")
