"""Tools run in forked processes: what takes long to import is there already."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 300  # seconds


@dataclass
class Outcome:
    """A run of a tool."""

    status: int
    text: str
    faults: list[str] = field(default_factory=list)


def call(arguments: list[str], log: Path) -> Outcome:
    """Run a tool in a forked process: what takes long to import is there already."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.setpgid(0, 0)
            signal.alarm(PATIENCE)
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1), os.dup2(out, 2)
            status = _tool(arguments)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return Outcome(os.waitstatus_to_exitcode(ended), log.read_text(encoding="utf-8", errors="replace"))


def _tool(arguments: list[str]) -> int:
    import importlib

    from paddleseg_lite.cli.common import run
    from paddleseg_lite.studies import pool

    pool.spawn = ForkedWorker
    tool = importlib.import_module(f"paddleseg_lite.cli.{arguments[0]}")
    sys.argv = [f"tools/{arguments[0]}.py", *arguments[1:]]
    try:
        run(tool.main, arguments[1:])
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 1
    return 0


class ForkedWorker:
    """A run of a study, forked instead of started anew."""

    def __init__(self, target: Path, log, settings) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            status = 70
            try:
                os.dup2(log.fileno(), 1), os.dup2(log.fileno(), 2)
                os.environ.update(settings.environment(os.environ))
                from paddleseg_lite.studies.worker import main as work

                status = work(target)
            finally:
                os._exit(status)

    def poll(self) -> int | None:
        if self.returncode is None:
            child, ended = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(ended) if child else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        while self.poll() is None:
            time.sleep(0.05)
        return self.returncode

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    kill = terminate
