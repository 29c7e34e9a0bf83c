"""A training that is told to stop, or killed, goes on where it was."""

import json
import os
import signal
import subprocess
import sys
import time

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


def wait_for_iteration(folder, number, process, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        try:
            lines = (folder / "metrics.jsonl").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if any(f'"iter": {n},' in line for line in lines for n in range(number, number + 1000)):
            return
        time.sleep(0.02)
    raise AssertionError("the training did not get there in time")


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_finishes_the_step_saves_and_exits(root, tmp_path, number, status):
    process = start(root, tmp_path / "run", 100000)
    wait_for_iteration(tmp_path / "run", 2, process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    last = list_checkpoints(tmp_path / "run")[-1]
    state = load_checkpoint(last).state
    assert f"iter_{state['iteration']}" == last.name
    assert "--resume_model" in output and "Traceback" not in output


def test_killed_at_random_and_resumed_equals_undisturbed(root, tmp_path):
    iters = 24
    whole = subprocess.run(command(root, tmp_path / "whole", iters), capture_output=True, text=True, timeout=300)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    folder = tmp_path / "parts"
    rng = np.random.default_rng(5)
    process = start(root, folder, iters)
    for _ in range(2):
        wait_for_iteration(folder, 6, process)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        process = start(root, folder, iters, "--resume_model")
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    a, b = (load_checkpoint(tmp_path / name / f"iter_{iters}") for name in ("whole", "parts"))
    for name, value in a.model_state.items():
        np.testing.assert_array_equal(value, b.model_state[name], err_msg=name)
    assert a.state == b.state
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [r["iter"] for r in records if r["kind"] == "train"] == list(range(1, iters + 1))
