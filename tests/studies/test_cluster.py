"""The launcher for clusters, on three Ray nodes of this machine: the same table as the local pool, come what may.

The tests on nodes take minutes: ``-m slow``; ``benchmarks/study_cluster.py`` goes further.
"""

import json
import socket
import threading
import time

import pytest

from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.studies import cluster_task, load_study, runner
from paddleseg_lite.studies.layout import read_result
from paddleseg_lite.studies.runner import run_folder, run_study

ray = pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")

TIMES = ("seconds", "provenance", "latency_ms", "train_images_per_s", "peak_memory_mb")


PORTS = ("metrics_agent_port", "runtime_env_agent_port", "dashboard_agent_listen_port", "metrics_export_port")


def ports():
    """Free ones, given beforehand: on a busy machine nodes do not wait long enough to be told theirs."""
    held = [socket.socket() for _ in PORTS]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = {name: one.getsockname()[1] for name, one in zip(PORTS, held)}
    for one in held:
        one.close()
    return found


@pytest.fixture(scope="module")
def nodes():
    """A head without processors and two nodes of one each."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, **ports()}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1, **ports())
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def launcher(nodes, tmp_path):
    """``launcher(**options)`` of the study folder ``tmp_path / cluster``."""
    from paddleseg_lite.studies.cluster import RayLauncher

    made = []

    def make(folder="cluster", **options):
        (tmp_path / folder).mkdir(exist_ok=True)
        made.append(RayLauncher(nodes.address, tmp_path / folder, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def table(study, folder):
    """Every number of the results but those that time has a part in."""
    found = {}
    for run in study.runs:
        result = dict(read_result(folder, run))
        curves = [json.loads(line) for line in (run_folder(folder, run) / "metrics.jsonl").read_text().splitlines()]
        result["losses"] = [r["loss"] for r in curves if r["kind"] == "train"]
        found[run.label] = {k: v for k, v in result.items() if k not in TIMES}
        found[run.label]["metrics"] = {k: v for k, v in result["metrics"].items() if k not in ("seconds", "time")}
    return found


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_no_cluster_at_an_address_is_one_message(tmp_path, address):
    from paddleseg_lite.studies.cluster import RayLauncher

    with pytest.raises(EnvironmentProblem, match=r"no cluster answers there .*ray start --head"):
        RayLauncher(address, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_without_room_is_refused(launcher):
    with pytest.raises(EnvironmentProblem, match=r"64 CPUs and 0 GPUs has room on no machine .*--cpus_per_run"):
        launcher(cpus=64)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["shared folder", "object store", "storage"])
def test_the_same_table_as_the_pool_though_a_node_is_killed(write, tmp_path, nodes, launcher, monkeypatch, way):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    study = load_study(write({"seeds": [0]}, {"iters": 12, "save_interval": 3}))
    run_study(study, tmp_path / "pool", progress=lambda line: None)
    nodes.add_node(num_cpus=1, **ports())
    made = launcher(storage=f"file://{tmp_path}/store" if way == "storage" else None)
    if way != "shared folder":  # a token that no machine finds: as if each had a disk of its own
        made.job = cluster_task.Job(**{**made.job.__dict__, "token": str(tmp_path / "nowhere")})
    said = []
    killer = threading.Thread(target=kill_a_busy_node, args=(nodes, tmp_path / "cluster"), daemon=True)
    killer.start()
    run_study(study, tmp_path / "cluster", launcher=made, progress=said.append)
    killer.join(60)
    assert table(study, tmp_path / "pool") == table(study, tmp_path / "cluster"), said
    for run in study.runs:
        names = {p.name for p in run_folder(tmp_path / "cluster", run).iterdir()}
        assert {"result.json", "log.txt", "metrics.jsonl", "config.yml"} <= names
        assert not [n for n in names if n.startswith(("iter_", "best_model", ".", "run.lock", "claim.lock"))]


def kill_a_busy_node(nodes, folder):
    """Any of them, once something has been saved."""
    end = time.monotonic() + 240
    while not list(folder.glob("runs/*/iter_*/manifest.json")) and time.monotonic() < end:
        time.sleep(0.05)
    nodes.remove_node(nodes.worker_nodes.copy().pop(), allow_graceful=False)


@pytest.mark.slow
def test_imports_are_shipped(write, tmp_path, launcher):
    parts = tmp_path / "parts.py"
    parts.write_text(
        "from paddleseg_lite.graph import ContextUnit\n"
        "from paddleseg_lite.registry import CONTEXTS\n\n\n"
        "@CONTEXTS.register\n"
        "class ShippedUnit(ContextUnit):\n"
        "    def __init__(self, *, in_channels):\n"
        "        super().__init__(in_channels)\n\n"
        "    def forward(self, x):\n"
        "        return x, {}\n"
    )
    from paddleseg_lite.plugins import import_file

    import_file(parts)
    unit = {"factors": {"unit": {"path": "model.context", "values": {"none": None, "own": "ShippedUnit"}}}}
    study = load_study(write({**unit, "seeds": [0]}))
    made = launcher(imports=[str(parts)])
    parts.unlink()
    run_study(study, tmp_path / "cluster", launcher=made, progress=lambda line: None)
    assert [read_result(tmp_path / "cluster", run)["status"] for run in study.runs] == ["done", "done"]


@pytest.mark.slow
def test_a_run_that_the_cluster_gives_up_can_go_on_later(write, tmp_path, launcher, monkeypatch):
    study = load_study(write({"seeds": [0]}))
    made = launcher()

    def break_down(job, folder, key, config, carrier):
        raise ray.exceptions.WorkerCrashedError

    with monkeypatch.context() as patch:
        patch.setattr("paddleseg_lite.studies.cluster.run_task", break_down)
        with pytest.raises(EnvironmentProblem, match=r"the cluster gave the run up .*See to the cluster"):
            run_study(study, tmp_path / "cluster", launcher=made, progress=lambda line: None)
    assert all(read_result(tmp_path / "cluster", run) is None for run in study.runs)
    monkeypatch.setattr(runner, "LOOK_AGAIN", 0.1)
    run_study(study, tmp_path / "cluster", launcher=made, progress=lambda line: None)
    assert all(read_result(tmp_path / "cluster", run)["status"] == "done" for run in study.runs)
