"""The tab Train: runs watched from their folders, and one training at a time started from here.

A training is a process of its own, ``paddleseg-lite train``, with everything that brings: the doctor before it, the
lock of its folder, a checkpoint on SIGTERM. While one runs a second may wait; a third is refused.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..config.reading import parse_yaml
from ..config.recipes import QUICK_START, shipped_recipes
from ..data import voc_palette
from ..errors import ConfigError, UserError, nearest
from ..reports.run import read_records
from ..training.run_lock import RunIsBusy, refuse_busy
from .library import RECORD, Library

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LONGEST = 24 * 60  # minutes
TAIL = 16_384  # bytes of a log that are shown
SAMPLES = re.compile(r"iter_(\d+)\.png")


def recipes() -> list[str]:
    """Recipes that need no data of the user's, the quick start first."""
    scenes = [name for name in shipped_recipes() if name.endswith("_scenes")]
    return [QUICK_START, *(name for name in scenes if name != QUICK_START)]


@dataclass
class Job:
    """A training that was asked for.

    Attributes:
        state: ``waiting``, ``running``, ``stopping`` or ``ended``.
        status: exit status of the process, once it has ended.
        errors: what it said of them.
    """

    recipe: str
    folder: Path
    command: list[str]
    state: str = "waiting"
    status: int | None = None
    errors: str = ""
    process: subprocess.Popen | None = field(default=None, repr=False)
    done: threading.Event = field(default_factory=threading.Event, repr=False)


class Trainings:
    """One training at a time, one more in the queue.

    Args:
        folder: where run folders are made.
        extra: further flags of every training.
    """

    def __init__(self, folder: Path, *, extra: Sequence[str] = ()) -> None:
        self.folder, self.extra = Path(folder), list(extra)
        self._jobs: list[Job] = []  # running, waiting
        self.last: Job | None = None
        self._guard = threading.Lock()

    def start(self, recipe: str, minutes: float, name: str) -> Job:
        """Start a recipe, or let it wait for the one that runs.

        Args:
            recipe: one of :func:`recipes`.
            minutes: how long, measured on this machine; 0: as long as the recipe says.
            name: of the run folder.

        Raises:
            UserError: no such recipe, a name that is none or taken, or two are there already.
        """
        if recipe not in recipes():
            raise ConfigError(f"the studio has no recipe '{str(recipe)[:80]}'.{nearest(str(recipe)[:80], recipes())}")
        if not isinstance(minutes, (int, float)) or not 0 <= minutes <= LONGEST:
            raise ConfigError(f"minutes are a number from 0 (as the recipe says) to {LONGEST}, got {minutes}.")
        if not NAME.fullmatch(str(name)):
            raise ConfigError("a name of a run has letters, digits, dots, hyphens and underscores, at most 64.")
        folder = self.folder / name
        with self._guard:
            if folder.exists() or any(job.folder == folder for job in self._jobs):
                raise ConfigError(f"there is a run {name} already: choose another name.")
            if len(self._jobs) >= 2:
                raise RunIsBusy("one training runs and one waits: stop one of them first.")
            job = Job(recipe, folder, self.command(recipe, minutes, folder))
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._launch(job)
        return job

    def command(self, recipe: str, minutes: float, folder: Path) -> list[str]:
        """What is run."""
        length = ["--minutes", f"{minutes:g}"] if minutes else []
        own = ["train", "--config", recipe, "--save_dir", str(folder), *length, *self.extra]
        return [sys.executable, "-m", "paddleseg_lite", *own]

    def _launch(self, job: Job) -> None:
        environment = dict(os.environ)
        root = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        job.folder.parent.mkdir(parents=True, exist_ok=True)
        job.process = subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # train.log has it
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a Ctrl-C at the studio is its own
        )
        job.state = "running"
        threading.Thread(target=self._attend, args=(job,), daemon=True, name="studio training").start()

    def _attend(self, job: Job) -> None:
        told = job.process.stderr.read()[-TAIL:].decode("utf-8", errors="replace")
        job.status = job.process.wait()
        job.errors = told
        with self._guard:
            job.state = "ended"
            self._jobs.remove(job)
            self.last = job
            if self._jobs:
                self._launch(self._jobs[0])
        job.done.set()

    def stop(self) -> Job | None:
        """Ask the running training to finish its step and save; the waiting one comes next."""
        with self._guard:
            job = self.running
            if job is not None:
                job.state = "stopping"
                with contextlib.suppress(ProcessLookupError):
                    job.process.terminate()
            return job

    def withdraw(self) -> Job | None:
        """Take the waiting one out of the queue."""
        with self._guard:
            return self._jobs.pop() if len(self._jobs) == 2 else None

    @property
    def running(self) -> Job | None:
        return self._jobs[0] if self._jobs else None

    @property
    def waiting(self) -> Job | None:
        return self._jobs[1] if len(self._jobs) > 1 else None

    def close(self, patience: float = 60.0) -> None:
        """Stop what runs and wait until it has saved."""
        self.withdraw()
        job = self.stop()
        if job is not None and not job.done.wait(patience):
            job.process.kill()


@dataclass(frozen=True)
class Watched:
    """A run as its folder shows it.

    Attributes:
        state: ``preparing``, ``training``, ``ended`` (all iterations done) or ``stopped``.
        iteration, total: steps done, and planned (None where the recipe says epochs only).
        loss, rate: of the last log line; rate in pictures a second.
        eta: seconds to the end; None where unknown.
        miou, best: of the last validation and of the best one.
        samples: the newest picture of samples; None before the first validation.
        records: lines of ``metrics.jsonl``.
        log: the end of ``train.log``.
    """

    name: str
    state: str
    iteration: int
    total: int | None
    loss: float | None
    rate: float | None
    eta: float | None
    miou: float | None
    best: float | None
    samples: Path | None
    records: list[dict[str, Any]]
    log: str


def watch(library: Library, name: str, *, folder: Path | None = None) -> Watched:
    """Look at a run; ``folder``: of a training of ours that may have written nothing yet.

    Raises:
        DataError: there is no such run.
    """
    folder = folder or library.path(RECORD, name)
    metrics = library.file(folder, "metrics.jsonl")
    records = read_records(metrics) if metrics else []
    train = [r for r in records if r.get("kind") == "train"]
    evals = [r for r in records if r.get("kind") == "eval"]
    last = train[-1] if train else {}
    iteration = max((r["iter"] for r in records), default=0)
    total = _total(library, folder)
    busy = is_busy(folder)
    if busy:
        state = "training" if records else "preparing"
    else:
        state = "ended" if total is not None and iteration >= total else "stopped"
    return Watched(
        name,
        state,
        iteration,
        total,
        _number(last.get("loss")),
        _number(last.get("images_per_s")),
        _number(last.get("eta_s")) if busy else None,
        _number(evals[-1].get("mIoU")) if evals else None,
        max((m for m in (_number(r.get("mIoU")) for r in evals) if m is not None), default=None),
        _samples(library, folder),
        records,
        _tail(library.file(folder, "train.log")),
    )


def is_busy(folder: Path) -> bool:
    """Whether a live process trains there."""
    try:
        refuse_busy(folder)
    except RunIsBusy:
        return True
    return False


def recipe_of(library: Library, folder: Path) -> dict[str, Any]:
    """The recipe a run has kept, as plain values; empty where it cannot be read."""
    path = library.file(folder, "config.yml")
    if path is None:
        return {}
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8", errors="replace"), str(path))
    except (UserError, OSError):
        return {}
    return dict(tree) if isinstance(tree, dict) else {}


def _total(library: Library, folder: Path) -> int | None:
    iters = recipe_of(library, folder).get("iters")
    return iters if isinstance(iters, int) and iters > 0 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _samples(library: Library, folder: Path) -> Path | None:
    inside = folder / "samples"
    found = [p for p in inside.glob("iter_*.png") if SAMPLES.fullmatch(p.name)]
    newest = max(found, key=lambda p: int(SAMPLES.fullmatch(p.name)[1]), default=None)
    return library.file(inside, newest.name) if newest else None


def _tail(path: Path | None) -> str:
    if path is None:
        return ""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL))
        return "\n".join(file.read().decode("utf-8", errors="replace").splitlines()[-12:])


def palette_of(count: int) -> np.ndarray:
    """Colours for classes of whose own only the names are known, uint8 ``[count, 3]``."""
    return voc_palette(max(count, 1) + 1)[1 : count + 1]
