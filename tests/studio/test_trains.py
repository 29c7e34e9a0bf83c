"""Trainings: watched from their folder, started one at a time, stopped politely."""

import json
import sys
import time

import pytest

from paddleseg_lite.config.recipes import QUICK_START
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.studio import trains
from paddleseg_lite.studio.library import Library
from paddleseg_lite.training.run_lock import RunIsBusy, RunLock


def test_a_run_that_has_ended_is_read_from_its_folder(output):
    seen = trains.watch(Library([output]), "unet_a")
    assert (seen.state, seen.iteration, seen.total) == ("ended", 2, 2)
    assert seen.loss > 0
    assert seen.eta is None
    assert 0 <= seen.miou <= seen.best <= 1
    assert seen.samples.name == "iter_000002.png"
    assert "done: best mIoU" in seen.log


def test_a_run_under_way_is_told_from_one_that_was_stopped(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yml").write_text("iters: 100\n")
    lines = [
        {"kind": "train", "iter": 10, "loss": 1.5, "images_per_s": 8.0, "eta_s": 90.0},
        {"kind": "eval", "iter": 10, "mIoU": 0.5},
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{damaged")
    library = Library([tmp_path])
    seen = trains.watch(library, "run")
    assert (seen.state, seen.iteration, seen.total, seen.eta, seen.miou) == ("stopped", 10, 100, None, 0.5)
    import subprocess

    hold = (
        "import sys, time; from paddleseg_lite.training.run_lock import RunLock; lock = RunLock(sys.argv[1]); "
        "lock.acquire(); print(flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", hold, str(folder)], stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        seen = trains.watch(library, "run")
        assert (seen.state, seen.eta) == ("training", 90.0)
    finally:
        other.kill()
        other.wait()
    assert RunLock(folder).held is False


@pytest.fixture
def trainings(tmp_path, monkeypatch):
    """Trainings whose command is a small program: it waits for SIGTERM, says so, and ends as its name asks."""
    made = trains.Trainings(tmp_path / "output")
    program = (
        "import pathlib, signal, sys, time; f = pathlib.Path(sys.argv[1]); f.mkdir(); "
        "signal.signal(signal.SIGTERM, lambda *_: ((f / 'saved').touch(), sys.exit(0))); (f / 'ready').touch()\n"
        "if 'bad' in f.name: sys.exit('error: no such thing')\n"
        "time.sleep(60)"
    )
    monkeypatch.setattr(made, "command", lambda recipe, minutes, folder: [sys.executable, "-c", program, str(folder)])
    yield made
    made.close()


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_one_runs_one_waits_and_a_third_is_refused(trainings):
    first = trainings.start(QUICK_START, 0, "first")
    second = trainings.start(QUICK_START, 1, "second")
    assert (first.state, second.state) == ("running", "waiting")
    with pytest.raises(RunIsBusy, match="one training runs and one waits"):
        trainings.start(QUICK_START, 0, "third")
    wait_for((first.folder / "ready").exists)
    assert trainings.stop() is first
    assert first.done.wait(30)
    assert (first.state, first.status) == ("ended", 0)
    assert (first.folder / "saved").exists()  # it was asked, not killed
    wait_for((second.folder / "ready").exists)
    assert (trainings.running, trainings.waiting) == (second, None)


def test_the_waiting_one_can_be_withdrawn(trainings):
    trainings.start(QUICK_START, 0, "first")
    second = trainings.start(QUICK_START, 0, "second")
    assert trainings.withdraw() is second
    assert trainings.withdraw() is None
    assert trainings.waiting is None


def test_why_a_training_failed_is_kept(trainings):
    job = trainings.start(QUICK_START, 0, "bad")
    assert job.done.wait(30)
    assert trainings.last is job
    assert job.status == 1
    assert "error: no such thing" in job.errors
    assert trainings.stop() is None


@pytest.mark.parametrize(
    ("recipe", "minutes", "name", "message"),
    [
        ("../../etc/passwd", 0, "a", "has no recipe '../../etc/passwd'"),
        (QUICK_START, -1, "a", "minutes are a number from 0"),
        (QUICK_START, float("nan"), "a", "minutes are a number from 0"),
        (QUICK_START, "1; rm", "a", "minutes are a number from 0"),
        (QUICK_START, 0, "../a", "a name of a run has letters"),
        (QUICK_START, 0, "", "a name of a run has letters"),
        (QUICK_START, 0, "-rf", "a name of a run has letters"),
        (QUICK_START, 0, "a\n", "a name of a run has letters"),
    ],
)
def test_what_is_no_training_is_refused(trainings, recipe, minutes, name, message):
    with pytest.raises(ConfigError, match=message):
        trainings.start(recipe, minutes, name)
    assert trainings.running is None


def test_a_run_is_never_written_over(trainings):
    (trainings.folder / "there").mkdir(parents=True)
    with pytest.raises(ConfigError, match="there is a run there already"):
        trainings.start(QUICK_START, 0, "there")


def test_the_command_is_that_of_the_program(tmp_path):
    made = trains.Trainings(tmp_path, extra=["--no_vdl"])
    assert made.command("unet/unet_scenes", 2.5, tmp_path / "x")[1:] == [
        "-m", "paddleseg_lite", "train", "--config", "unet/unet_scenes", "--save_dir", str(tmp_path / "x"),
        "--minutes", "2.5", "--no_vdl",
    ]  # fmt: skip
    assert trains.recipes()[0] == QUICK_START


def test_minutes_of_a_recipe_become_iterations(monkeypatch):
    from paddleseg_lite.cli.jobs import minutes
    from paddleseg_lite.config import load_config

    def rehearsed(diagnosis, config, train, notes):
        diagnosis.facts.update(step_seconds=0.5, loader_seconds_per_batch=0.1)

    monkeypatch.setattr(minutes, "rehearse", rehearsed)
    found = minutes.length_in_minutes(load_config(QUICK_START), 2)
    looks = found["iters"] // found["save_interval"]
    validation = 100 * minutes.FORWARD * 0.5 / 8
    assert found["iters"] * 0.6 + looks * validation == pytest.approx(120, rel=0.05)
    with pytest.raises(ConfigError, match="--minutes is a number above 0"):
        minutes.length_in_minutes(load_config(QUICK_START), 0)
