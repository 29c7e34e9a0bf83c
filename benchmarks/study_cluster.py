"""What a cluster must not change: ``python benchmarks/study_cluster.py [same killed twice overhead]``.

Starts a Ray cluster of a head without processors and three nodes of one each on this machine and compares a study of
two variants and two seeds with the local pool, number by number (all but times):

* ``same``: undisturbed (without a shared folder: tests/studies/test_cluster.py);
* ``killed``: two nodes are killed in the middle and replaced, and the command itself is killed once and called again;
* ``twice``: two commands at once; how often each configuration was trained;
* ``overhead``: 100 runs that have nothing left to do: what starting, placing and taking in costs each launcher.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ["OMP_NUM_THREADS"] = "1"

SCENES = {"type": "Scenes", "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}
BASE = {
    "model": {"type": "UNet", "base_channels": 4},
    "batch_size": 2,
    "iters": 12,
    "save_interval": 3,
    "log_iters": 1,
    "train_dataset": {**SCENES, "num_samples": 4, "mode": "train"},
    "val_dataset": {**SCENES, "num_samples": 2, "mode": "val"},
}
STUDY = {
    "base": "base.yml",
    "factors": {
        "unit": {"path": "model.context", "values": {"none": None, "GloRe": {"type": "GloRe", "num_nodes": 4}}}
    },
    "compare": "unit",
    "baseline": "none",
    "seeds": [0, 1],
}
TIMES = ("seconds", "provenance", "latency_ms", "train_images_per_s", "peak_memory_mb")
PORTS = ("metrics_agent_port", "runtime_env_agent_port", "dashboard_agent_listen_port", "metrics_export_port")
SHORT = 100


def main(parts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        path = write_study(work)
        if set(parts) - {"overhead"}:
            say("pool", time_of(lambda: call(path, work / "pool")))
        cluster = start_cluster()
        try:
            for part in parts:
                globals()[f"part_{part}"](cluster, path, work)
        finally:
            cluster.shutdown()


def say(what: str, *values) -> None:
    told = [f"{v:.1f} s" if isinstance(v, float) else str(v) for v in values]
    print(": ".join([what, ", ".join(told)] if told else [what]), flush=True)


def time_of(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def write_study(work: Path) -> Path:
    import yaml

    (work / "base.yml").write_text(yaml.safe_dump(BASE, sort_keys=False))
    (work / "study.yml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    return work / "study.yml"


# -- the cluster ------------------------------------------------------------------------------------------


def start_cluster():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **ports()})
    for _ in range(3):
        cluster.add_node(num_cpus=1, **ports())
    return cluster


def ports() -> dict[str, int]:
    """Free ports, given beforehand: a busy machine starts the agents too late for nodes that wait to be told theirs."""
    held = [socket.socket() for _ in PORTS]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = {name: one.getsockname()[1] for name, one in zip(PORTS, held)}
    for one in held:
        one.close()
    return found


def kill_node(cluster) -> None:
    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
    cluster.add_node(num_cpus=1, **ports())


# -- the study --------------------------------------------------------------------------------------------


def command(path: Path, folder: Path, *more: str) -> subprocess.Popen:
    line = [sys.executable, str(ROOT / "tools" / "ablate.py"), "--config", str(path), "--no_doctor"]
    return subprocess.Popen(
        [*line, "--save_dir", str(folder), *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def call(path: Path, folder: Path, *more: str) -> str:
    process = command(path, folder, *more)
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(said)
    return said


def table(path: Path, folder: Path) -> dict:
    from paddleseg_lite.studies import load_study
    from paddleseg_lite.studies.layout import read_result, run_folder

    found = {}
    for run in load_study(path).runs:
        result = {k: v for k, v in read_result(folder, run).items() if k not in TIMES}
        result["metrics"] = {k: v for k, v in result["metrics"].items() if k not in ("seconds", "time")}
        lines = (run_folder(folder, run) / "metrics.jsonl").read_text().splitlines()
        result["losses"] = [r["loss"] for r in map(json.loads, lines) if r["kind"] == "train"]
        found[run.label] = result
    return found


def compare(what: str, path: Path, folder: Path, *more) -> None:
    mine, other = table(path, folder.parent / "pool"), table(path, folder)
    differing = [label for label in mine if mine[label] != other[label]]
    say(what, *more, "the same table" if not differing else f"DIFFERS: {differing}")


def saved(folder: Path) -> int:
    return len(list(folder.glob("runs/*/iter_*/manifest.json")))


def wait_for(condition) -> None:
    end = time.monotonic() + 600
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


# -- the parts --------------------------------------------------------------------------------------------


def part_same(cluster, path: Path, work: Path) -> None:
    seconds = time_of(lambda: call(path, work / "shared", "--cluster", cluster.address))
    compare("three nodes, shared folder", path, work / "shared", seconds)


def part_killed(cluster, path: Path, work: Path) -> None:
    folder = work / "killed"
    for disturbance in ("node", "driver", "node"):
        process = command(path, folder, "--cluster", cluster.address)
        before = saved(folder)
        wait_for(lambda before=before, process=process: saved(folder) > before or process.poll() is not None)
        if process.poll() is not None:
            say(f"too late to kill the {disturbance}", process.communicate()[0][-300:])
            continue
        if disturbance == "driver":
            process.send_signal(signal.SIGKILL)
            process.wait()
            say("driver killed")
            continue
        kill_node(cluster)
        say("node killed")
        if disturbance == "node" and saved(folder) and not list(folder.glob("runs/*/result.json")):
            process.send_signal(signal.SIGINT)  # the next disturbance needs runs that are not over
        process.communicate()
    call(path, folder, "--cluster", cluster.address)
    compare("two nodes and the driver killed", path, folder)


def part_twice(cluster, path: Path, work: Path) -> None:
    folder = work / "twice"
    both = [command(path, folder, "--cluster", cluster.address) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    if any(process.returncode for process in both):
        sys.exit("\n".join(said))
    begun = [log.read_text().count(", iter 1/12, ") for log in folder.glob("runs/*/log.txt")]
    say("two commands at once: trainings begun of each configuration", begun)
    compare("two commands at once", path, folder)


def part_overhead(cluster, path: Path, work: Path) -> None:
    from paddleseg_lite.studies.cluster import RayLauncher
    from paddleseg_lite.studies.launcher import Settings
    from paddleseg_lite.studies.pool import LocalPool

    folder = work / "short"
    targets = {f"{number:012x}": folder / "runs" / f"{number:012x}" for number in range(SHORT)}
    for target in targets.values():
        target.mkdir(parents=True)
        (target / "config.yml").write_text("model: {type: UNet}\n")
        (target / "result.json").write_text('{"status": "done"}')
    for name, make in (
        ("pool", lambda: LocalPool(3, Settings(1))),
        ("Ray", lambda: RayLauncher(cluster.address, folder)),
    ):
        started = time.perf_counter()
        launcher = make()
        connected = time.perf_counter()
        place(launcher, dict(targets))
        say(
            f"{SHORT} short runs, 3 at a time, {name}",
            time.perf_counter() - connected,
            f"after {connected - started:.1f} s to start",
        )
        launcher.close()


def place(launcher, waiting: dict[str, Path]) -> None:
    active = 0
    while waiting or active:
        while waiting and launcher.room() > 0:
            key = next(iter(waiting))
            launcher.start(key, waiting.pop(key))
            active += 1
        over = launcher.ended()
        if any(end.code for end in over):
            sys.exit(str(over))
        active -= len(over)


if __name__ == "__main__":
    main(sys.argv[1:] or ["same", "killed", "twice", "overhead"])
