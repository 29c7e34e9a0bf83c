"""Runs a study: finished runs are skipped, broken ones resumed, failures noted and left behind.

Folder layout: ``runs/<key>/`` per configuration, where key is the hash of the
resolved config. Several machines can share the folder with ``shard``.
"""

from __future__ import annotations

import contextlib
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

from ..errors import ConfigError, EnvironmentProblem
from ..files import write_text
from ..runtime import threads_in_force
from ..training.run_lock import RunIsBusy, RunLock, owner_of
from .metric import Metric
from .study import Run, Study
from .worker import BUSY, DISK_FULL, INTERRUPTED, RESULT, write_result

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
    study: Study,
    folder: Path,
    *,
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
    retry_failed: bool = False,
    keep_weights: bool = False,
    imports: list[str] | None = None,
    device: str = "cpu",
    progress: Callable[[str], None] = logger.info,
    before: Callable[[], None] | None = None,
) -> None:
    """Execute what has not been executed.

    Args:
        study: the expanded study.
        folder: of the study; shared between shards.
        jobs: processes at a time; the threads of this one are divided between them.
        shard: ``(i, n)``: every n-th run, starting with the i-th (1-based).
        retry_failed: run failed runs again.
        keep_weights: keep checkpoints of finished runs (they are large).
        imports: Python files each run executes first.
        device: of every run: cpu, gpu or gpu:N.
        progress: receives one line per event.
        before: called once before the first run is started; not where nothing is left to do.

    Raises:
        EnvironmentProblem: the disk is full: no further run is started, those under way may end.
            What has finished stays finished.
    """
    unique = {run.key: run for run in study.runs if run.config is not None}
    mine = list(unique.values())[shard[0] - 1 :: shard[1]]
    for run in mine:
        if retry_failed and (read_result(folder, run) or {}).get("status") == "failed":
            with contextlib.suppress(RunIsBusy), RunLock(run_folder(folder, run)):  # another process retries it already
                shutil.rmtree(run_folder(folder, run))
    todo = [run for run in mine if read_result(folder, run) is None]
    for run in {r.label: r for r in study.runs if r.error}.values():
        progress(f"cannot build {run.label}: {run.error}")
    progress(f"{len(mine)} runs, {len(mine) - len(todo)} finished, {len(todo)} to do, {jobs} at a time")
    if todo and before is not None:
        before()
    finished = len(mine) - len(todo)
    pool = _Pool(study, folder, jobs, imports or [], keep_weights, device, progress, done=finished, total=len(mine))
    try:
        while pool.active or (todo and pool.problem is None):
            while todo and len(pool.active) < jobs and pool.problem is None:
                pool.start(todo)
            time.sleep(0.2)
            pool.collect(len(todo))
    finally:
        pool.stop()
    if pool.problem is not None:
        left = len(todo) + len(pool.broken_off)
        raise EnvironmentProblem(
            f"{pool.problem}; {left} of {len(mine)} runs are left. Free some space and call the study again: finished "
            "runs are kept, broken ones resumed."
        )


class _Pool:
    """The processes of a study."""

    def __init__(self, study, folder, jobs, imports, keep_weights, device, progress, *, done: int, total: int):
        self.study, self.folder, self.jobs, self.imports = study, folder, jobs, imports
        self.keep_weights, self.device, self.progress = keep_weights, device, progress
        self.done, self.total = done, total
        self.active: dict[str, tuple[Run, subprocess.Popen, float, Any]] = {}
        self.spent: list[float] = []
        self.broken_off: list[Run] = []
        self.problem: str | None = None  # why no further run is started

    def start(self, todo: list[Run]) -> None:
        """Start the first of ``todo`` and take it off, or note why that is no use."""
        target = run_folder(self.folder, todo[0])
        try:
            target.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(target).free
            if free < MIN_FREE_BYTES:
                self.problem = f"only {free >> 20} MiB are free for {self.folder}"
                return
            write_text(target / "config.yml", todo[0].config.to_yaml())
            log = (target / "log.txt").open("a", encoding="utf-8")
        except EnvironmentProblem as e:
            self.problem = str(e)
            return
        except OSError as e:
            self.problem = f"cannot write {target}: {e.strerror}"
            return
        run = todo.pop(0)
        self.active[run.key] = (run, self._spawn(target, log), time.monotonic(), log)

    def _spawn(self, target: Path, log) -> subprocess.Popen:
        package_root = str(Path(__file__).resolve().parents[2])
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, environment.get("PYTHONPATH")]))
        environment["OMP_NUM_THREADS"] = str(max(1, threads_in_force() // self.jobs))
        environment["PADDLESEG_LITE_STUDY_DEVICE"] = self.device
        environment["PADDLESEG_LITE_STUDY_IMPORTS"] = json.dumps(self.imports)
        command = [sys.executable, "-m", "paddleseg_lite.studies.worker", str(target)]
        return subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )

    def collect(self, waiting: int) -> None:
        """Take in the processes that have ended; ``waiting`` runs have not been started."""
        for key, (run, process, started, log) in list(self.active.items()):
            if process.poll() is None:
                continue
            log.close()
            del self.active[key]
            result = read_result(self.folder, run)
            if result is None and process.returncode == INTERRUPTED:
                raise KeyboardInterrupt
            if result is None and process.returncode == BUSY:
                self.progress(f"{run.label}: left to {owner_of(run_folder(self.folder, run))}, which has it under way")
                continue
            if result is None and process.returncode == DISK_FULL:
                self.broken_off.append(run)
                self.problem = f"the disk of {self.folder} is full ({run.label} stopped there)"
                self.progress(f"{run.label}: broken off, the disk is full")
                continue
            if result is None:
                target = run_folder(self.folder, run)
                result = {
                    "status": "failed",
                    "reason": f"the process {_ending(process.returncode)}; its log is {target / 'log.txt'}",
                }
                write_result(target, result)
            if result["status"] == "done" and not self.keep_weights:
                _drop_weights(run_folder(self.folder, run))
            self.done += 1
            self.spent.append(time.monotonic() - started)
            left = sum(self.spent) / len(self.spent) * (waiting + len(self.active)) / self.jobs
            outcome = _outcome(result, self.study.metric)
            self.progress(f"[{self.done}/{self.total}] {run.label}: {outcome}, {_duration(left)} left")

    def stop(self) -> None:
        """End what still runs; it can be resumed."""
        for _, process, _, log in self.active.values():
            process.terminate()
            log.close()
        for _, process, _, _ in self.active.values():
            process.wait()


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code == -9:
        return "was killed (signal 9): by hand, or because memory ran out"
    return f"was ended by signal {-code}" if code < 0 else f"died with status {code}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _drop_weights(target: Path) -> None:
    for item in target.iterdir():
        if item.is_dir() and (item.name.startswith("iter_") or item.name == "best_model"):
            shutil.rmtree(item)


def _outcome(result: dict[str, Any], metric: Metric) -> str:
    if result["status"] != "done":
        return f"FAILED: {result['reason'].splitlines()[0][:160]}"
    try:
        score = f"{metric.name} {metric.of(result):.4f}"
    except ConfigError as e:  # the run stays: another metric, or the other runs, may do
        score = f"finished, but {e}"
    return f"{score} in {result['seconds']:.0f} s"
