"""A run that is to be overwritten goes once the new one has saved, and not before."""

import contextlib

import pytest
from sandbox import Sandbox, copied

from paddleseg_lite.checkpoint import latest_first, load_checkpoint
from paddleseg_lite.cli.jobs import replacing
from paddleseg_lite.cli.jobs.train import run_folder
from paddleseg_lite.errors import CheckpointError
from paddleseg_lite.training import saving

TRAIN = ["train", "--config", "recipe.yml", "--save_dir", "run", "--no_vdl", "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run with all its records."""
    from paddleseg_lite.cli import run_command

    box = Sandbox(tmp_path_factory.mktemp("overwritten"))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as done:
        patch.chdir(box.folder)
        run_command(TRAIN[0], [*TRAIN[1:], "--no_doctor"])
    assert done.value.code == 0
    return box


@pytest.fixture
def box(trained, tmp_path, monkeypatch):
    folder = copied(trained, tmp_path, monkeypatch)
    (folder / "run" / "notes.txt").write_text("mine")
    return folder


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_attempt_that_the_doctor_refuses_leaves_the_older_run(tool, box, caplog):
    before = content(box / "run")
    status, _, err = tool(*TRAIN, "--overwrite", "--opts", "train_dataset.num_classes=1", "val_dataset.num_classes=1")
    assert status == 2 and "NOT READY" in err and "is back" in caplog.text
    assert content(box / "run") == before


def test_an_attempt_that_fails_at_a_picture_leaves_the_older_run(tool, box):
    for name in "abcd":
        (box / "data" / "train" / f"{name}.png").write_bytes(b"{}")
    before = content(box / "run")
    status, _, err = tool(*TRAIN, "--overwrite", "--no_doctor")
    assert status == 2 and "cannot be decoded" in err.splitlines()[-1]
    assert content(box / "run") == before


def test_an_attempt_that_cannot_save_leaves_the_older_run(tool, box, monkeypatch, caplog):
    def full(*args, **kwargs):
        raise CheckpointError("no space")

    monkeypatch.setattr(saving, "save_checkpoint", full)
    before = content(box / "run")
    status, _, _ = tool(*TRAIN, "--overwrite", "--no_doctor", "--iters", 1)
    assert status == 1
    last = caplog.messages[-1]
    assert "NOT SAVED" in last and "the run that was there before is back" in last
    assert content(box / "run") == before


def test_the_older_run_goes_once_the_new_one_has_saved(tool, box, monkeypatch):
    seen = []
    settle = replacing.settle

    def watched(folder):
        seen.append((is_aside(folder), [p.name for p in latest_first(folder)]))
        settle(folder)

    def is_aside(folder):
        return (folder / "replaced" / "best_model").is_dir()

    monkeypatch.setattr(replacing, "settle", watched)
    older = [p.name for p in latest_first(box / "run")]
    status, _, err = tool(*TRAIN, "--overwrite", "--no_doctor", "--iters", 3, "--save_interval", 1)
    assert status == 0, err
    assert seen[0] == (True, ["iter_1", "best_model"])  # before the second step
    assert not (box / "run" / "replaced").exists() and (box / "run" / "notes.txt").exists()
    newer = [p.name for p in latest_first(box / "run")]
    assert newer != older and newer[0] == "iter_3"
    assert all(load_checkpoint(p) for p in latest_first(box / "run"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("renames", range(12))
def test_a_kill_at_any_rename_loses_nothing(box, monkeypatch, renames):
    """Killed while the older run is put aside, or while it is put back; the next one to take the folder mends it."""
    run, left, rename = box / "run", [renames], type(box).rename
    before = content(run)

    def until_killed(path, target):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(box), "rename", until_killed)
        patch.setattr(replacing, "settle", lambda folder: None)  # a killed process puts nothing back
        try:
            with replacing.replacing(run):
                (run / "config.yml").write_text("the new one's")
                (run / "samples").mkdir()
        except Killed:
            pass
    left[0] = renames // 2
    with monkeypatch.context() as patch:
        patch.setattr(type(box), "rename", until_killed)
        with contextlib.suppress(Killed):
            replacing.settle(run)
    _, lock = run_folder("run", "x", resume=True, overwrite=False)
    lock.release()
    assert content(run) == before and not list(run.glob("*replaced*"))


def test_a_run_killed_before_its_first_checkpoint_gives_the_older_one_back(tool, box, caplog):
    (box / "run").rename(box / "older")
    (box / "run").mkdir()
    (box / "older").rename(box / "run" / "replaced")
    (box / "run" / "config.yml").write_text("model: {type: ENet}\n")
    status, _, err = tool(*TRAIN)
    assert status == 2 and "already holds a run" in err and "the older one is back" in caplog.text
    assert latest_first(box / "run") and "ENet" not in (box / "run" / "config.yml").read_text()


def test_a_save_that_was_interrupted_is_mended_by_the_next_training(tool, box, caplog):
    older = content(box / "run" / "best_model")
    (box / "run" / "best_model").rename(box / "run" / ".old-best_model")
    (box / "run" / ".tmp-iter_9").mkdir()
    tool(*TRAIN[:1], "--resume_model", "--save_dir", "run", "--iters", 1, "--no_vdl")
    assert "put back after an interrupted save" in caplog.text
    assert content(box / "run" / "best_model") == older and not list((box / "run").glob(".tmp-*"))
