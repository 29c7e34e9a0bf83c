"""VisualDL's file of a run: all steps of a resumed run, no record lost, none half."""

import os

import numpy as np
import pytest

from paddleseg_lite.reports import board as module
from paddleseg_lite.reports.board import Board


def shown(folder, tag, kind="scalar"):
    """Steps of a tag as VisualDL's page has them."""
    from visualdl import LogReader
    from visualdl.server import data_manager, lib

    data_manager.default_data_manager._reservoirs = data_manager.DataManager()._reservoirs  # one page a process
    reader = LogReader(str(folder))
    (run,) = reader.logs(True)
    if kind == "image":
        return [item["step"] for item in lib.get_image_tag_steps(reader, run, tag.replace("/", "%"))]
    return [(int(step), value) for _, step, value in lib.get_scalar(reader, run, tag.replace("/", "%"))]


def written(folder, steps, **more):
    board = Board(folder, **more)
    for step in steps:
        board.add_scalar("train/loss", step / 10, step)
    board.add_image("val/sample", np.full((8, 8, 3), 90, np.uint8), steps[-1])
    board.add_scalar("best", 1.0, steps[-1])
    board.add_hparams({"lr": 0.1, "model": "UNet"}, ["best"])
    return board


def test_the_page_shows_steps_before_and_after_a_resume(tmp_path):
    written(tmp_path, [2, 4, 6])
    written(tmp_path, [5, 6, 8], until=4, but=("best",))  # step 6 of the abandoned branch is not
    assert [(s, round(v, 6)) for s, v in shown(tmp_path, "train/loss")] == [
        (2, 0.2),
        (4, 0.4),
        (5, 0.5),
        (6, 0.6),
        (8, 0.8),
    ]
    assert shown(tmp_path, "val/sample", "image") == [8] and shown(tmp_path, "best") == [(8, 1.0)]
    assert len(list(tmp_path.iterdir())) == 1
    written(tmp_path, [1])  # another run begins here
    assert [s for s, _ in shown(tmp_path, "train/loss")] == [1]


def test_several_files_of_an_older_version_become_one(tmp_path):
    """Each resume began a file; of a step in two of them the later one counts."""
    from visualdl import LogWriter

    for name, points in (
        ("vdlrecords.1000000001.log", [(1, 1.0), (2, 9.0)]),
        ("vdlrecords.1000000002.log", [(2, 2.0)]),
    ):
        with LogWriter(logdir=str(tmp_path), file_name=name) as writer:
            for step, value in points:
                writer.add_scalar(tag="loss", value=value, step=step)
    Board(tmp_path, until=2).add_scalar("loss", 3.0, 3)
    assert shown(tmp_path, "loss") == [(1, 1.0), (2, 2.0), (3, 3.0)]


SPOILT = [
    (lambda d: d[:-3], [1, 2, 4]),
    (lambda d: d + b"\xff" * 40, [1, 2, 3, 4]),
    (lambda d: d + bytes(64), [1, 2, 3, 4]),
    (lambda d: b"", [4]),
]


@pytest.mark.parametrize("spoil, steps", SPOILT, ids=["cut", "garbage", "zeros", "empty"])
def test_of_a_damaged_file_what_is_whole_stays(tmp_path, spoil, steps):
    board = Board(tmp_path)
    for step in (1, 2, 3):
        board.add_scalar("loss", 0.5, step)
    (path,) = tmp_path.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    Board(tmp_path, until=9).add_scalar("loss", 0.5, 4)
    assert [s for s, _ in shown(tmp_path, "loss")] == steps


def test_what_cannot_be_written_waits(tmp_path, monkeypatch):
    board = Board(tmp_path)
    board.add_scalar("loss", 1.0, 1)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", full)
        with pytest.raises(OSError, match="No space"):
            board.add_scalar("loss", 1.0, 2)
    assert not board.complete and shown(tmp_path, "loss") == [(1, 1.0)]
    board.flush()
    assert board.complete and shown(tmp_path, "loss") == [(1, 1.0), (2, 1.0)]


def test_a_class_name_may_hold_a_percent_sign(tmp_path):
    board = Board(tmp_path)
    board.add_scalar("val_IoU/50 % shade", 0.5, 1)
    assert shown(tmp_path, "val_IoU/50 \uff05 shade") == [(1, 0.5)]


@pytest.mark.parametrize("home", ["/nonexistent/home", None], ids=["not_writable", "none"])
def test_without_a_home_the_settings_go_to_the_cache(tmp_path, monkeypatch, home):
    """VisualDL writes them when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", home) if home else monkeypatch.delenv("HOME")
    monkeypatch.setattr(module.os.path, "expanduser", lambda path: os.environ.get("HOME", path))
    monkeypatch.setattr(module.os, "makedirs", refuse) if home else None
    with module._usable_home():
        assert os.environ["HOME"] == str(tmp_path / "cache" / "visualdl")
    assert os.environ.get("HOME") == home and not (tmp_path / "~").exists()


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied")
