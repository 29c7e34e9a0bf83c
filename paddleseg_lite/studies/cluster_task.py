"""What a Ray task of a study does on its machine: start the worker process, carry what it saves, say how it ended."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_text
from .carrying import load, pack, save, unpack
from .launcher import Settings, spawn
from .worker import INTERRUPTED

logger = logging.getLogger("paddleseg_lite")

TOKEN = ".cluster-"  # names a file of the study's folder by which a machine sees that the folder is shared
LOOK = 0.2  # seconds between two looks at the process
CARRY = 1.0  # seconds between two looks for a new checkpoint
GRACE = 20.0  # seconds to save and end in


@dataclass(frozen=True)
class Job:
    """What all tasks of a study are told.

    Attributes:
        threads, device, keep_weights: see :class:`.launcher.Settings`.
        imports: paths within the shipped folder, which is the task's working folder.
        cwd: the folder that paths of recipes are relative to; left out where the machine has none of that name.
        token: a file in the study's folder that holds its own name.
        commit: of the package, which is shipped without its history.
    """

    threads: int
    device: str
    imports: tuple[str, ...]
    keep_weights: bool
    cwd: str
    token: str
    commit: str | None = None


def run_task(job: Job, folder: str, key: str, config: str, carrier: Any) -> int:
    """One run, to its end or until the task is cancelled; the exit status of its process.

    Raises:
        InterruptedError: the process was asked to end, and not by the study: the machine is going away.
            Ray starts the task again.
    """
    shared = _sees(job.token)
    target = Path(folder) / "runs" / key if shared else _own_place(folder, key)
    target.mkdir(parents=True, exist_ok=True)
    if not shared:
        unpack(load(carrier, key), target)
    write_text(target / "config.yml", config)
    imports = [str(Path.cwd() / file) for file in job.imports]
    settings = Settings(job.threads, job.device, imports, job.keep_weights, job.commit)
    cwd = job.cwd if os.path.isdir(job.cwd) else None
    over = threading.Event()
    courier = None
    if not shared:
        courier = threading.Thread(target=_carry, args=(target, key, carrier, over), daemon=True)
        courier.start()
    with (target / "log.txt").open("a", encoding="utf-8") as log:
        code, cancelled = _wait(spawn(target, log, settings, cwd=cwd))
    if courier is not None:
        over.set()
        courier.join()
        save(carrier, key, pack(target))
        shutil.rmtree(target, ignore_errors=True)
    if code == INTERRUPTED and not cancelled:
        raise InterruptedError(f"the process of run {key} was asked to end")
    return code


def _wait(process: subprocess.Popen) -> tuple[int, bool]:
    """Exit status, and whether the task was cancelled meanwhile (the process then saves what it has)."""
    cancelled = False
    while True:
        try:
            return process.wait(GRACE if cancelled else LOOK), cancelled
        except subprocess.TimeoutExpired:
            if cancelled:
                process.kill()
        except KeyboardInterrupt:  # ray.cancel
            cancelled = True
            process.terminate()


def _sees(token: str) -> bool:
    """Whether this machine sees the study's folder: another folder of that name does not hold the file."""
    try:
        return Path(token).read_text(encoding="utf-8") == Path(token).name
    except OSError:
        return False


def _own_place(folder: str, key: str) -> Path:
    """Where this machine keeps a run whose folder it does not share; each process that serves Ray has its own."""
    study = hashlib.sha256(folder.encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"paddleseg_lite-run-{study}-{key}-{os.getpid()}"


def _carry(target: Path, key: str, carrier: Any, over: threading.Event) -> None:
    """Save the run's folder away after each new checkpoint."""
    known: set[str] = set()
    while not over.wait(CARRY):
        manifests = {str(m) for m in target.glob("iter_*/manifest.json")}
        if manifests - known:
            try:
                save(carrier, key, pack(target))
                known = manifests
            except Exception as e:  # the next one may get through, the last one must
                logger.warning("run %s: its checkpoint could not be carried away: %s", key, e)
