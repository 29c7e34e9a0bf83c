"""Two processes with the gloo backend on a CPU: the same curve as one, and no survivor when one dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the gloo launcher is tried on Linux")

OPTS = [
    "model.base_channels=4",
    "lr_scheduler.learning_rate=0.002",
    "lr_scheduler.end_lr=0.002",  # the same rate however many steps are to come
    "train_dataset.num_samples=16",
    "val_dataset.num_samples=4",
    "train_dataset.size=[32,32]",
    "val_dataset.size=[32,32]",
    "lr_scheduler.warmup_iters=0",
    "freeze_bn=true",
]


def arguments(root, folder, iters, batch, *more):
    return [
        str(root / "tools" / "train.py"),
        "--iters",
        str(iters),
        "--batch_size",
        str(batch),
        "--save_interval",
        "4",
        "--log_iters",
        "1",
        "--no_vdl",
        "--no_doctor",
        "--save_dir",
        str(folder),
        *more,
        "--opts",
        *OPTS,
    ]


def launch_script(log_dir, *call):
    command = [
        sys.executable,
        "-m",
        "paddle.distributed.launch",
        "--nproc_per_node",
        "2",
        "--backend",
        "gloo",
        "--log_dir",
        str(log_dir),
    ]
    return subprocess.Popen([*command, *call], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def launch(root, folder, log_dir, iters, *more):
    return launch_script(log_dir, *arguments(root, folder, iters, 2, *more))


def records(folder, kind):
    lines = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
    return [r for r in map(json.loads, lines) if r["kind"] == kind]


def until_it_trains(folder, launcher, told, iteration=5):
    """Wait for the record of a step."""
    deadline = time.monotonic() + 240
    while not [r for r in records(folder, "train") if r["iter"] >= iteration]:
        assert time.monotonic() < deadline and launcher.poll() is None, told()
        time.sleep(0.1)


def check_curve_of_one_process(tool, folder, run):
    """Two processes with two pictures each have the losses of one with four, and validate every picture once."""
    steps = ["--iters", "8", "--batch_size", "4", "--log_iters", "1", "--save_interval", "8"]
    status, output, _ = tool("train", *steps, "--no_vdl", "--no_doctor", "--save_dir", folder, "--opts", *OPTS)
    assert status == 0, output
    one, two = ({r["iter"]: r["loss"] for r in records(name, "train")} for name in (folder, run))
    told = [iteration for iteration in one if iteration in two]  # a step broken off behind its update has no record
    assert len(one) == 8 and len(told) >= 7
    np.testing.assert_allclose([one[i] for i in told], [two[i] for i in told], atol=1e-5)
    scores = [records(name, "eval")[-1] for name in (folder, run)]
    assert scores[0]["classes"].keys() == scores[1]["classes"].keys()
    total = [sum(c["support"] for c in s["classes"].values()) for s in scores]
    assert total[0] == total[1] == 4 * 32 * 32


def test_two_processes_give_the_curve_of_one_with_the_double_batch(tool, tmp_path, resumed):
    check_curve_of_one_process(tool, tmp_path / "one", resumed.folder)


def test_the_ranks_agree(tmp_path):
    """On k-means anchors, on the statistics that validation uses, and on the step to stop at."""
    process = launch_script(tmp_path / "log", str(Path(__file__).with_name("two_ranks.py")), str(tmp_path))
    try:
        output, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:  # the ranks wait for each other
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    ranks = [np.load(tmp_path / f"rank_{i}.npz") for i in range(2)]
    assert [int(r["iteration"]) for r in ranks] == [3, 3]
    assert [str(r["reason"]) for r in ranks] == ["rank 0 has seen enough", "another rank asked for a stop"]
    names = [n for n in ranks[0].files if n.startswith(("start/", "eval/"))]
    assert any("anchors" in n for n in names) and any("mean" in n for n in names)
    for name in names:
        np.testing.assert_array_equal(ranks[0][name], ranks[1][name], err_msg=name)
    for name in (n for n in names if n.startswith("start/")):
        np.testing.assert_array_equal(ranks[1][name], ranks[1][name.replace("start/", "average/")], err_msg=name)


@pytest.fixture(scope="module")
def resumed(root, tmp_path_factory):
    """A run of two processes of which one was killed, and which then went on for four steps."""
    folder = tmp_path_factory.mktemp("ranks")
    process = launch(root, folder / "run", folder / "log", 100000)
    until_it_trains(folder / "run", process, lambda: process.communicate()[0])
    os.kill(rank_processes(process.pid)[-1], signal.SIGKILL)
    output, _ = process.communicate(timeout=240)
    reached = max(r["iter"] for r in records(folder / "run", "train"))
    again = launch(root, folder / "run", folder / "log", reached + 4, "--resume_model")
    said, _ = again.communicate(timeout=240)
    return SimpleNamespace(
        folder=folder / "run", statuses=(process.returncode, again.returncode), said=(output, said), iters=reached + 4
    )


def test_when_one_rank_dies_the_other_ends_and_the_run_resumes(resumed):
    killed, said = resumed.said
    assert resumed.statuses[0] != 0
    assert "ABORT" in killed or "abort" in killed or "Terminating" in killed
    assert resumed.statuses[1] == 0, said
    assert records(resumed.folder, "train")[-1]["iter"] == resumed.iters


def rank_processes(launcher):
    """Process ids of the ranks, in the order they were started."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()
                if int(stat[1]) == launcher:
                    found.append(int(name))
            except OSError:
                continue
    return sorted(found)
