"""The library before the system's own, and what it shares with this process."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


class State(ctypes.Structure):
    """As in full_disk.c."""

    _fields_ = [("count", ctypes.c_long), ("at", ctypes.c_long), ("full", ctypes.c_long), ("share", ctypes.c_double),
                ("sizes", ctypes.c_long * 65536), ("folder", ctypes.c_char * 4096)]  # fmt: skip


def start_again_with_the_library() -> None:
    """Replace this process by one that has the library before the system's own."""
    folder = tempfile.mkdtemp()
    library = f"{folder}/full_disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", str(HERE / "full_disk.c"), "-o", library, "-ldl"], check=True)
    os.environ |= {"LD_PRELOAD": library, "FULL_DISK_LIBRARY": library, "OMP_NUM_THREADS": "1"}
    os.execv(sys.executable, [sys.executable, *sys.argv])


def shared_state(folder: Path) -> State:
    state = State.from_buffer(mmap.mmap(-1, ctypes.sizeof(State)))
    state.folder = f"{folder}/".encode()
    ctypes.CDLL(os.environ["FULL_DISK_LIBRARY"]).full_disk_state(ctypes.byref(state))
    return state
