"""Two nodes on the loopback interface, each with a launcher of its own: one curve, one end, one resume."""

import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])
from test_distributed import arguments, check_curve_of_one_process, rank_processes, records, until_it_trains

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


@pytest.fixture(scope="module")
def resumed(root, tmp_path_factory):
    """A run of two nodes of which one died, and which then went on for four steps."""
    folder = tmp_path_factory.mktemp("nodes")
    nodes = Nodes(root, folder / "run", folder / "logs", 100000)
    until_it_trains(folder / "run", nodes.launchers[0], lambda: nodes.said)
    os.kill(rank_processes(nodes.launchers[1].pid)[-1], signal.SIGKILL)
    ended = nodes.wait()
    reached = max(r["iter"] for r in records(folder / "run", "train"))
    again = Nodes(root, folder / "run", folder / "again", reached + 4, "--resume_model")
    return SimpleNamespace(
        folder=folder / "run", iters=reached + 4, nodes=nodes, ended=ended, again=again, ended_again=again.wait()
    )


def test_two_nodes_give_the_curve_of_one_process(tool, tmp_path, resumed):
    check_curve_of_one_process(tool, tmp_path / "one", resumed.folder)


def test_a_node_that_dies_ends_the_other_and_all_go_on(resumed):
    assert all(status != 0 for status in resumed.ended), resumed.nodes.said
    told = resumed.nodes.logs[0].read_text(errors="replace").lower()  # by Paddle, in its own words
    assert any(words in told for words in ("abort", "connection reset by peer", "timeout self_rank")), told[-2000:]
    assert resumed.ended_again == [0, 0], resumed.again.said
    assert records(resumed.folder, "train")[-1]["iter"] == resumed.iters
