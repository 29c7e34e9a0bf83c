"""The embedded launcher: processes of this machine."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from .launcher import Ended, Settings, spawn

PAUSE = 0.2  # seconds between two looks


class LocalPool:
    """At most ``jobs`` processes at a time.

    Args:
        jobs: how many.
        settings: of each.
    """

    def __init__(self, jobs: int, settings: Settings):
        self.jobs, self.settings = jobs, settings
        self.active: dict[str, tuple[subprocess.Popen, Any]] = {}

    @property
    def width(self) -> int:
        return self.jobs

    def room(self) -> int:
        return self.jobs - len(self.active)

    def start(self, key: str, target: Path) -> None:
        log = (target / "log.txt").open("a", encoding="utf-8")
        self.active[key] = (spawn(target, log, self.settings), log)

    def ended(self) -> list[Ended]:
        over = self._over()
        if not over:
            time.sleep(PAUSE)
            over = self._over()
        for end in over:
            self.active.pop(end.key)[1].close()
        return over

    def _over(self) -> list[Ended]:
        return [Ended(key, p.returncode) for key, (p, _) in self.active.items() if p.poll() is not None]

    def stop(self, key: str) -> None:
        if key in self.active:
            self.active[key][0].terminate()

    def close(self) -> None:
        for process, log in self.active.values():
            process.terminate()
            log.close()
        for process, _ in self.active.values():
            process.wait()
        self.active.clear()
