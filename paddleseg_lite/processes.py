"""Processes: children that do not outlive their parent, and what tells one process from another."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

ORPHANED = 3  # exit status


def end_with(parent: int) -> None:
    """End this process within about a second of its parent's end, however that went.

    A killed parent can neither stop its children nor tell them: they would wait for it
    for ever, or write beside its successor.

    Args:
        parent: process id, as the parent itself knows it.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(ORPHANED)

    threading.Thread(target=watch, daemon=True).start()


def machine_id() -> str | None:
    """Names the running kernel: one for all containers of a machine, another after a restart; None where none tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def process_space() -> str | None:
    """Names the space in which process numbers hold (a container has its own); None where none tells."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def start_time(process: object) -> str | None:
    """When a process of this machine started, in ticks since the boot; None where it has ended, or none tells.

    With the number it names a process for good: numbers are used again.
    """
    try:
        stat = Path(f"/proc/{int(process)}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()  # the name in brackets may hold spaces
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, ValueError, TypeError, IndexError):
        return None
