"""A training that is told to stop, or killed, goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from paddleseg_lite.checkpoint import list_checkpoints, load_checkpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

OPTS = [
    "model.base_channels=4",
    "train_dataset.num_samples=8",
    "val_dataset.num_samples=2",
    "train_dataset.size=[32,32]",
    "val_dataset.size=[32,32]",
    "lr_scheduler.warmup_iters=0",
    "lr_scheduler.learning_rate=0.002",
    "lr_scheduler.end_lr=0.002",  # the same rate however many steps are to come
]


def command(root, folder, iters, *more):
    return [
        sys.executable,
        str(root / "tools" / "train.py"),
        "--iters",
        str(iters),
        "--batch_size",
        "2",
        "--no_vdl",
        "--no_doctor",
        "--save_interval",
        "5",
        "--log_iters",
        "1",
        "--save_dir",
        str(folder),
        *more,
        "--opts",
        *OPTS,
    ]


def start(root, folder, iters, *more):
    call = command(root, folder, iters, *more)
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_iteration(folder, number, process, seconds=240):
    """Wait until a step from that number on is in the records."""
    deadline = time.monotonic() + seconds
    while max(steps(folder), default=0) < number:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def steps(folder):
    """Iterations of the training steps in the records, in their order."""
    lines = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
    return [r["iter"] for r in map(json.loads, lines) if r["kind"] == "train"]


@pytest.fixture(scope="module")
def told(root, tmp_path_factory):
    """A run that was told to stop by either signal, then killed, each time resumed, and at last went to its end."""
    folder, found = tmp_path_factory.mktemp("signals") / "run", SimpleNamespace(status={}, output={}, last={})
    reached, more = 0, ()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        process = start(root, folder, 100000, *more)
        wait_for_iteration(folder, reached + 6, process)
        process.send_signal(number)
        found.output[number], _ = process.communicate(timeout=240)
        last = list_checkpoints(folder)[-1]
        found.status[number] = process.returncode
        found.last[number] = (last.name, f"iter_{load_checkpoint(last).state['iteration']}")
        reached, more = max(steps(folder)), ["--resume_model"]
    found.folder, found.iters = folder, reached + 5
    process = start(root, folder, found.iters, *more)
    found.end, _ = process.communicate(timeout=240)
    assert process.returncode == 0, found.end
    return found


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_step_saves_and_exits(told, number, status):
    assert told.status[number] == status, told.output[number]
    assert len(set(told.last[number])) == 1, told.last[number]
    assert "--resume_model" in told.output[number] and "Traceback" not in told.output[number]


def test_stopped_killed_and_resumed_equals_undisturbed(root, told, tool, tmp_path):
    assert told.status[signal.SIGKILL] == -signal.SIGKILL
    status, output, _ = tool("train", *command(root, tmp_path / "whole", told.iters)[2:])
    assert status == 0, output
    a, b = (load_checkpoint(folder / f"iter_{told.iters}") for folder in (tmp_path / "whole", told.folder))
    for name, value in a.model_state.items():
        np.testing.assert_array_equal(value, b.model_state[name], err_msg=name)
    assert a.state == b.state
    assert steps(told.folder) == list(range(1, told.iters + 1))
