"""Runs a study: finished runs are skipped, broken ones resumed, failures noted and left behind.

Folder layout: ``runs/<key>/`` per configuration, where key is the hash of the
resolved config. Several machines can share the folder with ``shard``.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import EnvironmentProblem
from ..runtime import available_cores
from .metric import Metric
from .study import Run, Study
from .worker import RESULT, write_result

logger = logging.getLogger("paddleseg_lite")

MIN_FREE_BYTES = 200 << 20


def run_folder(folder: Path, run: Run) -> Path:
    """Where a run lives."""
    return folder / "runs" / run.key


def read_result(folder: Path, run: Run) -> dict[str, Any] | None:
    """A run's ``result.json``; ``None`` when it has not ended, a failure when its variant cannot be built."""
    if run.error:
        return {"status": "failed", "reason": run.error}
    try:
        return json.loads((run_folder(folder, run) / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def run_study(
    study: Study, folder: Path, *, jobs: int = 1, shard: tuple[int, int] = (1, 1), retry_failed: bool = False,
    keep_weights: bool = False, imports: list[str] | None = None, progress: Callable[[str], None] = logger.info,
) -> None:
    """Execute what has not been executed.

    Args:
        study: the expanded study.
        folder: of the study; shared between shards.
        jobs: processes at a time; the cores are divided between them.
        shard: ``(i, n)``: every n-th run, starting with the i-th (1-based).
        retry_failed: run failed runs again.
        keep_weights: keep checkpoints of finished runs (they are large).
        imports: Python files each run executes first.
        progress: receives one line per event.

    Raises:
        EnvironmentProblem: the disk is full. What has finished stays finished.
    """
    unique = {run.key: run for run in study.runs if run.config is not None}
    mine = list(unique.values())[shard[0] - 1 :: shard[1]]
    for run in mine:
        if retry_failed and (read_result(folder, run) or {}).get("status") == "failed":
            shutil.rmtree(run_folder(folder, run))
    todo = [run for run in mine if read_result(folder, run) is None]
    for run in {r.label: r for r in study.runs if r.error}.values():
        progress(f"cannot build {run.label}: {run.error}")
    progress(f"{len(mine)} runs, {len(mine) - len(todo)} finished, {len(todo)} to do, {jobs} at a time")
    active: dict[str, tuple[Run, subprocess.Popen, float, Any]] = {}
    spent: list[float] = []
    done = len(mine) - len(todo)
    try:
        while todo or active:
            while todo and len(active) < jobs:
                run = todo.pop(0)
                active[run.key] = _start(run, folder, jobs, imports or [])
            time.sleep(0.2)
            for key, (run, process, started, log) in list(active.items()):
                if process.poll() is None:
                    continue
                log.close()
                del active[key]
                done += 1
                spent.append(time.monotonic() - started)
                result = read_result(folder, run)
                if result is None:
                    if process.returncode == 3:
                        raise KeyboardInterrupt
                    result = {"status": "failed", "reason": f"the process died with status {process.returncode}; "
                              f"its log is {run_folder(folder, run) / 'log.txt'}"}
                    write_result(run_folder(folder, run), result)
                if result["status"] == "done" and not keep_weights:
                    _drop_weights(run_folder(folder, run))
                left = sum(spent) / len(spent) * (len(todo) + len(active)) / max(1, jobs)
                outcome = _outcome(result, study.metric)
                progress(f"[{done}/{len(mine)}] {run.label}: {outcome}, {left / 60:.0f} min left")
    finally:
        for _, process, _, log in active.values():
            process.terminate()
            log.close()
        for _, process, _, _ in active.values():
            process.wait()


def _start(run: Run, folder: Path, jobs: int, imports: list[str]):
    """Start a run's process in its folder."""
    target = run_folder(folder, run)
    target.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target).free
    if free < MIN_FREE_BYTES:
        raise EnvironmentProblem(
            f"only {free >> 20} MiB are free for {target}; free some space and call the study again, "
            "finished runs are kept."
        )
    (target / "config.yml").write_text(run.config.to_yaml(), encoding="utf-8")
    log = (target / "log.txt").open("a", encoding="utf-8")
    package_root = str(Path(__file__).resolve().parents[2])
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, environment.get("PYTHONPATH")]))
    environment["OMP_NUM_THREADS"] = str(max(1, available_cores() // jobs))
    environment["PADDLESEG_LITE_STUDY_IMPORTS"] = json.dumps(imports)
    command = [sys.executable, "-m", "paddleseg_lite.ablation.worker", str(target)]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)
    return run, process, time.monotonic(), log


def _drop_weights(target: Path) -> None:
    for item in target.iterdir():
        if item.is_dir() and (item.name.startswith("iter_") or item.name == "best_model"):
            shutil.rmtree(item)


def _outcome(result: dict[str, Any], metric: Metric) -> str:
    if result["status"] != "done":
        return f"FAILED: {result['reason'].splitlines()[0][:160]}"
    return f"{metric.name} {metric.of(result):.4f} in {result['seconds']:.0f} s"
