"""How a training ended is told as it was: what is not on disk, what an error left behind, records across a resume."""

import errno
import json
import logging
import multiprocessing
import os
import platform
import signal

import numpy as np
import pytest

from paddleseg_lite.checkpoint import list_checkpoints, load_checkpoint
from paddleseg_lite.cli.jobs.train import tell
from paddleseg_lite.errors import CheckpointError, DataError, EnvironmentProblem
from paddleseg_lite.training import saving
from paddleseg_lite.training.callbacks import Callback, MetricsFile
from paddleseg_lite.training.state import TrainResult, TrainState
from paddleseg_lite.training.trainer import train

TIMES = ("images_per_s", "data_share", "eta_s", "seconds", "time")


def rows(folder):
    """``metrics.jsonl`` without what a clock measured."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in r.items() if k not in TIMES} for r in records]


def record(folder):
    return MetricsFile(folder / "metrics.jsonl")


class At(Callback):
    """Does something after an iteration."""

    def __init__(self, iteration, what):
        self.iteration, self.what = iteration, what

    def on_step(self, trainer):
        if trainer.state.iteration == self.iteration:
            self.what(trainer)


def failing_saves(monkeypatch, name):
    """Saves of these folders meet a full disk."""
    real = saving.save_checkpoint

    def save(folder, **kwargs):
        if name(folder.name):
            raise CheckpointError(f"{folder}: cannot be saved (No space left on device).")
        return real(folder, **kwargs)

    monkeypatch.setattr(saving, "save_checkpoint", save)


@pytest.mark.parametrize(
    "fails, lost",
    [
        (lambda name: name.startswith("iter_"), ["the last checkpoint"]),
        (lambda name: name == "iter_3", []),  # a later one is there
        (lambda name: name == "best_model", ["best_model"]),
        (lambda name: True, ["the last checkpoint", "best_model"]),
    ],
    ids=["checkpoints", "an_early_one", "best", "all"],
)
def test_what_could_not_be_saved_is_in_the_result(tiny, tmp_path, monkeypatch, fails, lost):
    failing_saves(monkeypatch, fails)
    result = train(tiny(cpu_accel="off"), save_dir=tmp_path)
    assert result.iteration == 6 and sorted(text.split(" (")[0] for text in result.unsaved) == sorted(lost)
    assert all("No space left" in text for text in result.unsaved)


def test_the_last_line_and_the_status(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_lite")

    def ended(**how):
        return tell(TrainResult(tmp_path, 6, **{"best_miou": 0.5, "best_iter": 3, "stopped_by": None, **how}))

    assert ended() == 0 and caplog.messages[-1] == f"done: best mIoU 0.5000 at iteration 3; run folder {tmp_path}"
    assert ended(best_miou=-1.0, best_iter=0) == 0 and caplog.messages[-1] == f"done: run folder {tmp_path}"
    assert ended(stopped_by="SIGTERM") == 0 and "stopped: SIGTERM; go on with --resume_model" in caplog.messages[-1]
    assert ended(stopped_by="SIGINT") == 130
    lost = ("best_model (No space left)",)
    assert ended(unsaved=lost) == 1 and ended(unsaved=lost, stopped_by="SIGTERM") == 1
    assert caplog.messages[-1].startswith("stopped (SIGTERM) at iteration 6, but NOT SAVED: best_model (No space left)")
    assert ended(unsaved=lost, stopped_by="SIGINT") == 130


def test_a_record_that_cannot_be_written_is_told(tiny, tmp_path):
    class Full(Callback):
        record = "pictures"

        def on_log(self, trainer, info):
            raise OSError(errno.ENOSPC, "No space left on device")

    result = train(tiny(cpu_accel="off", do_eval=False), save_dir=tmp_path, callbacks=[Full()])
    assert [text.split(" (")[0] for text in result.unsaved] == ["pictures"]


def test_lines_that_could_not_be_written_are_written_later(tmp_path, monkeypatch):
    file, real = record(tmp_path), open
    file.path.write_text('{"iter": 1}\n')
    path = str(file.path)

    def full(name, *rest, **more):
        if str(name) == path:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", full)
        with pytest.raises(OSError, match="No space"):
            file._write({"iter": 2})
    assert not file.complete() and file.path.read_text() == '{"iter": 1}\n'
    file._write({"iter": 3})
    assert file.complete() and file.path.read_text() == '{"iter": 1}\n{"iter": 2}\n{"iter": 3}\n'


def spoil(index):
    """From now on this sample cannot be read."""

    def do(trainer):
        whole = trainer.train_dataset.read

        def read(i):
            if i == index:
                raise DataError("image lost.png does not exist.")
            return whole(i)

        trainer.train_dataset.read = read

    return do


@pytest.mark.parametrize("accumulate", [1, 3])
def test_an_error_comes_after_the_progress_is_saved(tiny, tmp_path, accumulate):
    """... bit for bit: the resumed run equals the undisturbed one, whatever the step that failed had begun."""
    config = tiny(cpu_accel="off", accumulate=accumulate, batch_size=1, iters=8, save_interval=8, log_iters=4)
    train(config, save_dir=tmp_path / "whole", callbacks=[record(tmp_path / "whole")])
    folder, after = tmp_path / "parts", []

    def late(trainer):  # the last of the samples of step 6 is the one
        batches = [trainer.sampler.batch(5 * accumulate + i) for i in range(accumulate)]
        after.extend(index for _, index in batches[-1])
        spoil(after[-1])(trainer)

    with pytest.raises(
        DataError, match=r"lost\.png does not exist\. The progress is saved in .*iter_\d.*--resume_model"
    ):
        train(config, save_dir=folder, callbacks=[record(folder), At(5, late)])
    (kept,) = list_checkpoints(folder)
    assert load_checkpoint(kept).state["iteration"] == 5
    train(config, save_dir=folder, resume=True, callbacks=[record(folder)])
    a, b = (load_checkpoint(tmp_path / name / "iter_8") for name in ("whole", "parts"))
    for name in a.model_state:
        np.testing.assert_array_equal(a.model_state[name], b.model_state[name], err_msg=name)
    assert a.state == b.state and rows(tmp_path / "whole") == rows(folder)


def test_an_error_whose_progress_cannot_be_saved_says_both(tiny, tmp_path, monkeypatch):
    failing_saves(monkeypatch, lambda name: True)
    with pytest.raises(DataError, match=r"lost\.png.*could NOT be saved: .*No space left"):
        train(tiny(cpu_accel="off"), save_dir=tmp_path, callbacks=[At(2, lambda t: [spoil(i)(t) for i in range(12)])])


@pytest.mark.parametrize("stop", [1, 4, 5, 7])
def test_records_of_a_resumed_run_equal_the_undisturbed_ones(tiny, tmp_path, stop):
    """Stopped between two lines of the log, which are means over the steps before and after the stop."""
    config = tiny(cpu_accel="off", iters=9, save_interval=4, log_iters=3)
    train(config, save_dir=tmp_path / "whole", callbacks=[record(tmp_path / "whole")])
    folder = tmp_path / "parts"
    train(config, save_dir=folder, callbacks=[record(folder), At(stop, lambda t: t.request_stop("test"))])
    train(config, save_dir=folder, resume=True, callbacks=[record(folder)])
    assert rows(folder) == rows(tmp_path / "whole")


@pytest.mark.parametrize("odd", [b"\xff\xfe\x80\n", b"\0" * 600, b'{"iter": "x"}\n', b"[1]\n7\nnull\n", b"[" * 9000])
def test_odd_bytes_in_the_records_do_not_stop_a_resume(tiny, tmp_path, odd, caplog):
    config = tiny(cpu_accel="off", do_eval=False)
    train(config, save_dir=tmp_path, callbacks=[record(tmp_path), At(4, lambda t: t.request_stop("test"))])
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + odd)
    train(config, save_dir=tmp_path, resume=True, callbacks=[record(tmp_path)])
    assert [r["iter"] for r in rows(tmp_path)] == [2, 4, 6] and "damaged lines dropped" in caplog.text


@pytest.mark.parametrize("key, value", [("iteration", "3"), ("iteration", -1), ("best_miou", None), ("best_iter", [])])
def test_counters_that_are_none_are_refused(key, value):
    good = {"iteration": 3, "best_miou": 0.5, "best_iter": 3, "stale_evals": 0, "skipped_steps": 0}
    assert TrainState.restored(good, "x").iteration == 3
    with pytest.raises(CheckpointError, match=f"state.json: '{key}' is .*Resume from another checkpoint"):
        TrainState.restored({**good, key: value}, "state.json")
    with pytest.raises(CheckpointError, match=f"'{key}' is 'None'"):
        TrainState.restored({k: v for k, v in good.items() if k != key}, "state.json")


def test_a_best_model_that_was_never_saved_is_made_up_for(tiny, tmp_path, monkeypatch, caplog):
    config = tiny(cpu_accel="off", iters=9)
    with monkeypatch.context() as patch:
        failing_saves(patch, lambda name: name == "best_model")
        result = train(config, save_dir=tmp_path, callbacks=[At(6, lambda t: t.request_stop("test"))])
    assert [text.split(" (")[0] for text in result.unsaved] == ["best_model"]
    result = train(config, save_dir=tmp_path, resume=True)
    assert "the next validation counts as the best" in caplog.text and result.unsaved == ()
    assert load_checkpoint(tmp_path / "best_model").state["iteration"] == result.best_iter


def test_a_run_folder_that_another_run_took_is_left_alone(tiny, tmp_path):
    def lose(trainer):
        path = tmp_path / "run.lock"
        path.write_text(json.dumps({"token": "of another", "host": "far", "pid": 1}))

    with pytest.raises(EnvironmentProblem, match="another process has taken the run folder"):
        train(tiny(cpu_accel="off"), save_dir=tmp_path, callbacks=[At(4, lose)])
    assert [p.name for p in list_checkpoints(tmp_path)] == ["iter_3"]


@pytest.mark.skipif(platform.system() != "Linux", reason="workers need Linux")
@pytest.mark.parametrize("when", ["step", "validation"])
def test_a_killed_worker_is_a_named_error_after_the_progress_is_saved(tiny, tmp_path, when):
    """... and never an error out of the middle of an update, where the signal of its death finds the program."""
    killed = []

    class Kill(Callback):
        def kill(self):
            for worker in multiprocessing.active_children():
                worker.kill()
                killed.append(worker.pid)

        def on_step(self, trainer):
            if when == "step" and trainer.state.iteration == 2:
                real = trainer.criterion

                def criterion(*a):  # between forward and backward
                    self.kill()
                    trainer.criterion = real
                    return real(*a)

                criterion.main = real.main
                trainer.criterion = criterion

        def on_log(self, trainer, info):
            if when == "validation" and trainer.state.iteration == 3:
                read = trainer.val_dataset.read
                trainer.val_dataset.read = lambda i: os.kill(os.getpid(), signal.SIGKILL) if i == 1 else read(i)
                killed.append(0)

    config = tiny(cpu_accel="off", iters=500, save_interval=3, log_iters=1, num_workers=2)
    told = r"a loader worker ended unexpectedly \(exit code -9.*--num_workers 0.*The progress is saved in .*iter_(\d+)"
    with pytest.raises(EnvironmentProblem, match=told):
        train(config, save_dir=tmp_path, callbacks=[Kill()])
    assert killed and not multiprocessing.active_children()
    (kept,) = list_checkpoints(tmp_path)[-1:]
    assert load_checkpoint(kept).state["iteration"] >= 3
    assert signal.getsignal(signal.SIGCHLD) in (signal.SIG_DFL, None)
