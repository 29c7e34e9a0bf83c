"""Outputs of several files, and files that grow: whole, or as they were before."""

import errno
import os

import pytest

from paddleseg_lite import outputs
from paddleseg_lite.errors import ConfigError, EnvironmentProblem
from paddleseg_lite.outputs import Growing, refuse_inputs, whole_files


def content(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def older(tmp_path):
    """A folder with an older output and a file of somebody else."""
    folder = tmp_path / "out"
    (folder / "worst").mkdir(parents=True)
    for name in ("index.html", "scores.json", "worst/01.png", "worst/02.png", "worst/me.png", "mine.txt"):
        (folder / name).write_text(f"old {name}")
    return folder


def write(folder):
    (folder / "worst").mkdir()
    for name in ("index.html", "new.csv", "worst/01.png"):
        (folder / name).write_text(f"new {name}")


def test_files_arrive_together_and_others_stay(older):
    with whole_files(older, stale=["worst/[0-9][0-9].png"]) as folder:
        write(folder)
        assert content(older)["index.html"] == "old index.html"
    assert content(older) == {
        "index.html": "new index.html",
        "new.csv": "new new.csv",
        "worst/01.png": "new worst/01.png",
        "worst/me.png": "old worst/me.png",
        "scores.json": "old scores.json",
        "mine.txt": "old mine.txt",
    }
    with whole_files(older / "made" / "here") as folder:
        (folder / "a").write_text("a")
    assert content(older / "made") == {"here/a": "a"}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("x"), KeyboardInterrupt()]
)
def test_an_error_while_writing_leaves_what_was(older, error):
    before = content(older)
    with pytest.raises(EnvironmentProblem if isinstance(error, OSError) else type(error)), whole_files(older) as folder:
        write(folder)
        raise error
    assert content(older) == before
    told = r"cannot write .*out.index\.html: File name too long"
    with pytest.raises(EnvironmentProblem, match=told) as caught, whole_files(older) as folder:
        write_bytes_to_a_full_disk(folder / "index.html")
    assert ".writing" not in str(caught.value)


def write_bytes_to_a_full_disk(path):
    raise EnvironmentProblem(f"cannot write {path}: File name too long.")


@pytest.mark.parametrize("call", range(6))
def test_an_error_while_putting_in_place_leaves_what_was(older, monkeypatch, call):
    """Three older files are renamed aside, then three new ones in."""
    before, calls, real = content(older), [], os.rename

    def rename(a, b):
        calls.append(a)
        if len(calls) == call + 1:  # and the renames back work
            raise OSError(errno.EIO, "Input/output error")
        real(a, b)

    monkeypatch.setattr(outputs.os, "rename", rename)
    with (
        pytest.raises(EnvironmentProblem, match=r"cannot write .*out: Input/output error"),
        whole_files(older, stale=["worst/0*.png"]) as folder,
    ):
        write(folder)
    assert content(older) == before


def test_a_file_grows_by_whole_pieces(tmp_path, monkeypatch):
    file, real = Growing(tmp_path / "f"), open
    file.add(b"one\n")

    class Full:
        """Takes some bytes of a piece, then none: a disk that becomes full."""

        def __init__(self, path, mode, buffering):
            self.file, self.room = real(path, mode, buffering=buffering), 3

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room = 0
            return self.file.write(data[:3])

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda *a, **k: Full(*a, **k))
        for piece in (b"two, long\n", b"three\n"):
            with pytest.raises(OSError, match="No space"):
                file.add(piece)
    assert file.waiting and (tmp_path / "f").read_bytes() == b"one\n"
    file.flush()
    assert not file.waiting and (tmp_path / "f").read_bytes() == b"one\ntwo, long\nthree\n"


def test_no_output_replaces_an_input(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "v.mp4").write_text("v")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (tmp_path / "other.mp4").symlink_to(tmp_path / "data" / "v.mp4")
    source = tmp_path / "data" / "v.mp4"
    refuse_inputs([tmp_path / "data" / "w.mp4", tmp_path / "v.mp4"], [source, "a\0b"], "--save_dir")
    for path in (
        source,
        tmp_path / "data" / ".." / "data" / "v.mp4",
        tmp_path / "link" / "v.mp4",
        tmp_path / "other.mp4",
    ):
        with pytest.raises(ConfigError, match=r"would replace the input .*data.v\.mp4\. Choose another --save_dir"):
            refuse_inputs([tmp_path / "x", path], [source], "--save_dir")
