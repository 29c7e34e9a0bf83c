"""Two nodes on the loopback interface, each with a launcher of its own: one curve, one end, one resume."""

import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

sys.path.insert(0, __file__.rpartition("/")[0])
from test_distributed import arguments, rank_processes, records

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the gloo launcher is tried on Linux")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nodes:
    """Two launchers, as on two machines."""

    def __init__(self, root, folder, logs, iters, *more):
        master, self.logs = f"127.0.0.1:{free_port()}", [logs / f"node{rank}.txt" for rank in range(2)]
        logs.mkdir(exist_ok=True)
        self.launchers = []
        for rank, log in enumerate(self.logs):
            command = [sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "2", "--nproc_per_node", "1"]
            command += ["--master", master, "--rank", str(rank), "--log_dir", str(logs / str(rank))]
            call = [*command, *arguments(root, folder, iters, 2, "--device", "cpu", *more)]
            with open(log, "w") as file:
                self.launchers.append(subprocess.Popen(call, stdout=file, stderr=subprocess.STDOUT))

    def wait(self, timeout=240):
        """The status of each launcher."""
        try:
            return [launcher.wait(timeout) for launcher in self.launchers]
        finally:
            for launcher in self.launchers:
                launcher.kill()

    @property
    def said(self):
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in self.logs)


def test_two_nodes_give_the_curve_of_one_process(root, tmp_path):
    nodes = Nodes(root, tmp_path / "two", tmp_path / "logs", 8)
    one = subprocess.run([sys.executable, *arguments(root, tmp_path / "one", 8, 4)], capture_output=True, text=True)
    assert one.returncode == 0, one.stdout + one.stderr
    assert nodes.wait() == [0, 0], nodes.said
    curves = [[r["loss"] for r in records(tmp_path / name, "train")] for name in ("one", "two")]
    assert len(curves[0]) == 8
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-5)


def test_a_node_that_dies_ends_the_other_and_all_go_on(root, tmp_path):
    folder = tmp_path / "run"
    nodes = Nodes(root, folder, tmp_path / "logs", 100000)
    deadline = time.monotonic() + 120
    while not [r for r in records(folder, "train") if r["iter"] >= 5]:
        assert time.monotonic() < deadline and nodes.launchers[0].poll() is None, nodes.said
        time.sleep(0.1)
    os.kill(rank_processes(nodes.launchers[1].pid)[-1], signal.SIGKILL)
    assert all(status != 0 for status in nodes.wait(120)), nodes.said
    told = nodes.logs[0].read_text(errors="replace").lower()  # by Paddle's communication, in the words of either
    assert "abort" in told or "connection reset by peer" in told, told[-2000:]
    reached = max(r["iter"] for r in records(folder, "train"))
    again = Nodes(root, folder, tmp_path / "again", reached + 4, "--resume_model")
    assert again.wait() == [0, 0], again.said
    assert records(folder, "train")[-1]["iter"] == reached + 4
