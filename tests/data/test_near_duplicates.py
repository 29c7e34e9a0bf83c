"""Pictures that show the same are found, whatever was done to the file."""

import cv2
import numpy as np
import pytest

from paddleseg_lite.data.near_duplicates import alike, fingerprint


@pytest.fixture
def photo():
    """``photo(seed)``: something with large shapes, as photos have; uint8 BGR [120, 160, 3]."""

    def make(seed):
        noise = np.random.default_rng(seed).integers(0, 256, [6, 8, 3], dtype=np.uint8)
        return cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC)

    return make


def test_a_picture_saved_anew_is_the_same(tmp_path, photo):
    pictures = []
    for seed in range(5):
        for name, kind, change in (("a.png", [], 1), ("b.jpg", [cv2.IMWRITE_JPEG_QUALITY, 40], 1), ("c.png", [], 1.2)):
            path = tmp_path / f"{seed}{name}"
            picture = np.clip(photo(seed) * float(change), 0, 255).astype(np.uint8)
            cv2.imwrite(str(path), picture[4:-4, 4:-4] if change > 1 else picture, kind)
            pictures.append(path)
    order = np.random.default_rng(0).permutation(len(pictures))
    groups = alike([pictures[i] for i in order])
    assert sorted(len(group) for group in groups) == [3] * 5
    for group in groups:
        assert len({pictures[order[i]].name[0] for i in group}) == 1


def test_frames_that_follow_each_other(tmp_path, photo):
    canvas = np.concatenate([photo(s) for s in range(4)], axis=1)
    paths = [tmp_path / f"frame_{i:03d}.png" for i in range(12)]
    for i, path in enumerate(paths):
        cv2.imwrite(str(path), canvas[:, 6 * i : 6 * i + 160])  # a slow pan
    assert len(alike(paths)) <= 2 < len(alike(paths, neighbour=0))


def test_files_that_cannot_be_read_stand_alone(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "none.png"]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"no picture")
    assert [fingerprint(p) for p in paths] == [None] * 3
    assert alike(paths) == [[0], [1], [2]] and alike([]) == []
