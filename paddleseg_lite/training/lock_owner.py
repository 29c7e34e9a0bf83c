"""Who holds a run folder: what an owner writes into ``run.lock``, and whether it still lives."""

from __future__ import annotations

import os
import platform
import time

from ..processes import machine_id, process_space, start_time


def myself() -> dict:
    """What the owner of a lock writes into it."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
        "machine": machine_id(),
        "processes": process_space(),
        "since": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def name_of(owner: dict) -> str:
    """An owner as messages name it."""
    if not owner:
        return "another process"
    return f"process {owner.get('pid')} on host {owner.get('host')} (since {owner.get('since')})"


def same_machine(owner: dict) -> bool:
    """Whether it wrote on this machine."""
    own = machine_id()
    return owner.get("machine") == own if own else owner.get("host") == platform.node()


def same_processes(owner: dict) -> bool:
    """Whether its process number means here what it meant there (containers number their own)."""
    space = process_space()
    return space is not None and owner.get("processes") == space


def lives(owner: dict) -> bool:
    """Whether an owner among this machine's processes is there."""
    started = owner.get("started")
    return started is not None and start_time(owner.get("pid")) == started
