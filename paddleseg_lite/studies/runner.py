"""Runs a study: finished runs are skipped, broken ones resumed, failures noted and left behind.

Any number of these may work on one folder at the same time, on one machine or on many that share it: each run is
claimed before it is started, so none is done twice; what another one has in hand is waited for at the end.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, EnvironmentProblem
from ..files import write_text
from ..runtime import threads_in_force
from ..training.run_lock import RunIsBusy, RunLock, owner_of, refuse_busy
from .launcher import Ended, Launcher, Settings
from .layout import CLAIM, read_result, run_folder, write_result
from .metric import Metric
from .pool import LocalPool
from .provenance import commit
from .pruning import Halving
from .study import Run, Study
from .worker import BUSY, DISK_FULL, INTERRUPTED

logger = logging.getLogger("paddleseg_lite")

MIN_FREE_BYTES = 200 << 20
LOOK_AGAIN = 2.0  # seconds until a run that another process has in hand is looked at again

__all__ = ["read_result", "run_folder", "run_study"]


def run_study(
    study: Study,
    folder: Path,
    *,
    launcher: Launcher | None = None,
    jobs: int = 1,
    retry_failed: bool = False,
    keep_weights: bool = False,
    imports: list[str] | None = None,
    device: str = "cpu",
    progress: Callable[[str], None] = logger.info,
    before: Callable[[Sequence[Run]], None] | None = None,
    pruning: Halving | None = None,
) -> None:
    """Execute what has not been executed.

    Args:
        study: the expanded study.
        folder: of the study; may be shared with other commands and machines.
        launcher: what places the runs; by default ``jobs`` processes of this machine. It is not closed.
        jobs: processes at a time; the threads of this one are divided between them.
        retry_failed: run failed runs again.
        keep_weights: keep checkpoints of finished runs (they are large).
        imports: Python files each run executes first.
        device: of every run: cpu, gpu or gpu:N.
        progress: receives one line per event.
        before: called once with the runs that are left, before the first is started; not where none is.
        pruning: ends hopeless runs early (explorations only).

    Raises:
        EnvironmentProblem: the disk is full: no further run is started, those under way may end.
            What has finished stays finished.
    """
    unique = list({run.key: run for run in study.runs if run.config is not None}.values())
    if retry_failed:
        _forget_failures(unique, folder)
    todo = [run for run in unique if read_result(folder, run) is None]
    for run in {r.label: r for r in study.runs if r.error}.values():
        progress(f"cannot build {run.label}: {run.error}")
    own = launcher is None
    if launcher is None:
        settings = Settings(max(1, threads_in_force() // jobs), device, imports or (), keep_weights, commit())
        launcher = LocalPool(jobs, settings)
    done = len(unique) - len(todo)
    progress(f"{len(unique)} runs, {done} finished, {len(todo)} to do, {launcher.width} at a time")
    if todo and before is not None:
        before(todo)
    session = _Session(study.metric, folder, launcher, progress, pruning, done=done, total=len(unique))
    try:
        session.work(todo)
    finally:
        if own:
            launcher.close()
        session.let_go()
    if session.problem is not None:
        left = len(session.waiting) + len(session.broken_off) + len(session.elsewhere)
        raise EnvironmentProblem(
            f"{session.problem}; {left} of {len(unique)} runs are left. {session.remedy} and call the study again: "
            "finished runs are kept, broken ones resumed."
        )


def _forget_failures(runs: Sequence[Run], folder: Path) -> None:
    """Delete what failed, except where another process has it in hand again already."""
    for run in runs:
        if (read_result(folder, run) or {}).get("status") == "failed":
            target = run_folder(folder, run)
            with contextlib.suppress(RunIsBusy), RunLock(target, CLAIM), RunLock(target):
                if (read_result(folder, run) or {}).get("status") == "failed":
                    shutil.rmtree(target)


class _Session:
    """The runs of one call: those that wait, those under way, those that other processes have."""

    def __init__(
        self,
        metric: Metric,
        folder: Path,
        launcher: Launcher,
        progress: Callable[[str], None],
        pruning: Halving | None,
        *,
        done: int,
        total: int,
    ):
        self.metric, self.folder, self.launcher = metric, folder, launcher
        self.progress, self.pruning = progress, pruning
        self.done, self.total = done, total
        self.waiting: deque[Run] = deque()
        self.active: dict[str, tuple[Run, float, RunLock]] = {}
        self.elsewhere: dict[str, tuple[Run, float]] = {}  # in another process's hands; when to look again
        self.told: set[str] = set()
        self.spent: list[float] = []
        self.broken_off: list[Run] = []
        self.problem: str | None = None  # why no further run is started
        self.remedy = "Free some space"

    def work(self, todo: Sequence[Run]) -> None:
        """Until every run has a result, or ``problem`` says why not."""
        self.waiting.extend(todo)
        while self.active or (self.problem is None and (self.waiting or self.elsewhere)):
            while self.waiting and self.problem is None and self.launcher.room() > 0:
                self._start(self.waiting[0])
            for end in self.launcher.ended():
                self._take_in(end)
            if self.pruning is not None:
                self._prune(self.pruning)
            self._look_elsewhere()

    def let_go(self) -> None:
        """Give the claims back."""
        for _, _, claim in self.active.values():
            claim.release()

    def _start(self, run: Run) -> None:
        """Start the first that waits, or note why that is no use."""
        target = run_folder(self.folder, run)
        claim = RunLock(target, CLAIM)
        try:
            target.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(target).free
            if free < MIN_FREE_BYTES:
                self.problem = f"only {free >> 20} MiB are free for {self.folder}"
                return
            claim.acquire()
            if read_result(self.folder, run) is None:
                write_text(target / "config.yml", run.config.to_yaml())
                self.launcher.start(run.key, target)
                self.active[run.key] = (run, time.monotonic(), claim)
            else:
                claim.release()
                self._count(run, "done by another process")
        except RunIsBusy:
            self._leave(run, owner_of(target, CLAIM))
        except EnvironmentProblem as e:
            claim.release()
            self.problem = str(e)
            return
        except OSError as e:
            claim.release()
            self.problem = f"cannot write {target}: {e.strerror}"
            return
        self.waiting.popleft()

    def _leave(self, run: Run, owner: str) -> None:
        if run.key not in self.told:
            self.progress(f"{run.label}: left to {owner}, which has it under way")
            self.told.add(run.key)
        self.elsewhere[run.key] = (run, time.monotonic() + LOOK_AGAIN)

    def _look_elsewhere(self) -> None:
        """Take in what others have finished; what they have given up, or died over, waits here again."""
        now = time.monotonic()
        for key, (run, when) in list(self.elsewhere.items()):
            if now < when:
                continue
            del self.elsewhere[key]
            if read_result(self.folder, run) is not None:
                self._count(run, "done by another process")
                continue
            try:
                refuse_busy(run_folder(self.folder, run))  # cheaper than a process that finds out
                self.waiting.append(run)  # claimed again; where that fails it comes back here
            except RunIsBusy:
                self.elsewhere[key] = (run, now + LOOK_AGAIN)

    def _count(self, run: Run, outcome: str) -> None:
        self.done += 1
        self.progress(f"[{self.done}/{self.total}] {run.label}: {outcome}")

    def _take_in(self, end: Ended) -> None:
        """A process has ended: its result, or what stands in its place."""
        run, started, claim = self.active.pop(end.key)
        target = run_folder(self.folder, run)
        try:
            result = read_result(self.folder, run)
            if result is None and self.pruning is not None and run.key in self.pruning.stopped:
                result = self.pruning.result(run.key)
                write_result(target, result)
            if result is None and end.lost:
                self.broken_off.append(run)
                self.problem = f"{run.label}: {end.told}"
                self.remedy = "See to the cluster"
                return
            if result is None and end.code == INTERRUPTED:
                raise KeyboardInterrupt
            if result is None and end.code == BUSY:
                self._leave(run, owner_of(target))
                return
            if result is None and end.code == DISK_FULL:
                self.broken_off.append(run)
                self.problem = f"the disk of {self.folder} is full ({run.label} stopped there)"
                self.progress(f"{run.label}: broken off, the disk is full")
                return
            if result is None:
                log = target / "log.txt"
                reason = f"the process {_ending(end.code)}; its log is {log}"
                result = {"status": "failed", "reason": reason}
                write_result(target, result)
        finally:
            claim.release()
        self.spent.append(time.monotonic() - started)
        left = len(self.waiting) + len(self.active)
        left_seconds = sum(self.spent) / len(self.spent) * left / min(max(left, 1), self.launcher.width)
        self._count(run, f"{_outcome(result, self.metric)}, {_duration(left_seconds)} left")

    def _prune(self, pruning: Halving) -> None:
        for run, _, _ in self.active.values():
            if pruning.hopeless(run, run_folder(self.folder, run), self.metric):
                self.launcher.stop(run.key)


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code == -9:
        return "was killed (signal 9): by hand, or because memory ran out"
    return f"was ended by signal {-code}" if code < 0 else f"died with status {code}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _outcome(result: dict[str, Any], metric: Metric) -> str:
    if result["status"] == "pruned":
        return result["reason"]
    if result["status"] != "done":
        return f"FAILED: {result['reason'].splitlines()[0][:160]}"
    try:
        score = f"{metric.name} {metric.of(result):.4f}"
    except ConfigError as e:  # the run stays: another metric, or the other runs, may do
        score = f"finished, but {e}"
    return f"{score} in {result['seconds']:.0f} s"
