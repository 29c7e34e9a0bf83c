"""A disk that fills up while a folder is prepared: the status tells, and what is there is whole."""

import errno
from pathlib import Path

import pytest
from annotated import labelme_file, labelme_shape

from paddleseg_lite import files
from paddleseg_lite.data import read_label


@pytest.mark.parametrize("allowed", range(0, 10))
def test_every_write_may_fail(prepare, tmp_path, monkeypatch, allowed):
    for i in range(3):
        labelme_file(tmp_path / "in" / f"{i}.json", labelme_shape(), image=f"{i}.png")
    done = []
    replace = files.os.replace

    def full(source, target):
        if len(done) >= allowed:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "No space left" in err and "next:" not in out
    found = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert sorted(p.name for p in found) == sorted(done)  # no part of a file, and nothing temporary
    assert all(read_label(p).shape == (40, 60) for p in found if p.parent.name == "annotations")
    assert not (tmp_path / "out" / "recipe.yml").exists()
