"""What places the runs of a study: the interface, and how a run's process is started on whatever machine.

Two launchers: :class:`.pool.LocalPool` (processes of this machine, the default) and
:class:`.cluster.RayLauncher` (a Ray cluster). :mod:`.runner` decides which runs are started,
a launcher only where; both start the same command, so a run does the same on either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Ended:
    """A run whose process is over.

    Attributes:
        key: of the run.
        code: exit status as :mod:`.worker` gives it; negative: the signal that ended the process.
        told: what is to be said where the run is ``lost``.
        lost: no process could be kept alive for it (machines died again and again); it can go on later.
    """

    key: str
    code: int
    told: str = ""
    lost: bool = False


class Launcher(Protocol):
    """Starts runs and tells when they have ended; :func:`.runner.run_study` is its only caller."""

    @property
    def width(self) -> int:
        """Runs that advance at the same time; at least 1."""

    def room(self) -> int:
        """Runs that it takes now."""

    def start(self, key: str, target: Path) -> None:
        """Start the run of a folder that holds ``config.yml``.

        Raises:
            OSError, EnvironmentProblem: its log cannot be written.
        """

    def ended(self) -> list[Ended]:
        """The runs that have ended since the last call; waits a moment where none has."""

    def stop(self, key: str) -> None:
        """Ask a run to save what it has and end; it ends with ``INTERRUPTED``."""

    def close(self) -> None:
        """End what still runs; it can be resumed."""


@dataclass(frozen=True)
class Settings:
    """What every process of a study is told.

    Attributes:
        threads: CPU threads.
        device: cpu, gpu or gpu:N.
        imports: Python files it executes first.
        keep_weights: leave the checkpoints of a finished run.
        commit: of the package, for the record; looked up where it is not given.
    """

    threads: int
    device: str = "cpu"
    imports: Sequence[str] = ()
    keep_weights: bool = False
    commit: str | None = None

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment of a worker process, on top of ``base``."""
        package_root = str(Path(__file__).resolve().parents[2])
        return {
            **base,
            "PYTHONPATH": os.pathsep.join(filter(None, [package_root, base.get("PYTHONPATH")])),
            "OMP_NUM_THREADS": str(self.threads),
            "PADDLESEG_LITE_STUDY_DEVICE": self.device,
            "PADDLESEG_LITE_STUDY_IMPORTS": json.dumps([str(file) for file in self.imports]),
            "PADDLESEG_LITE_STUDY_KEEP_WEIGHTS": "1" if self.keep_weights else "",
            "PADDLESEG_LITE_STUDY_COMMIT": self.commit or "",
        }


def spawn(target: Path, log, settings: Settings, *, cwd: str | None = None) -> subprocess.Popen:
    """The process of one run; all it says goes to ``log``."""
    command = [sys.executable, "-m", "paddleseg_lite.studies.worker", str(target)]
    return subprocess.Popen(
        command,
        stdout=log,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=settings.environment(os.environ),
        cwd=cwd,
    )
