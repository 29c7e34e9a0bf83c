"""Reading processes: whether there can be any, how they start, and what is told when one dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any, NoReturn

import cv2

from ..errors import EnvironmentProblem
from ..processes import end_with

SHARED = "/dev/shm"  # where Linux keeps what processes share


def why_no_workers() -> str | None:
    """Why there can be no reading processes here; None where there can. Batches are the same without them."""
    if platform.system() != "Linux":
        return "it needs Linux"
    if not os.path.isdir(SHARED) or not os.access(SHARED, os.W_OK):
        return f"{SHARED} is not there or cannot be written: start the container with --shm-size=2g"
    try:
        multiprocessing.Lock()
    except (OSError, ImportError) as e:
        return f"processes cannot share a lock ({e})"
    return None


@contextlib.contextmanager
def own_signals() -> Iterator[None]:
    """Leave SIGCHLD as it was: DataLoader's handler raises wherever the program is, in the middle of an update too."""
    kept = signal.getsignal(signal.SIGCHLD)
    if kept is None or getattr(kept, "__module__", "").startswith("paddle"):  # of a library, or a loader made elsewhere
        kept = signal.SIG_DFL
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, kept)


@contextlib.contextmanager
def watched(batches: Any) -> Iterator[None]:
    """Have the next batch fail where a worker has died.

    DataLoader looks for dead workers only between two messages: one that dies in the middle of a message would be
    waited for without end.
    """
    stop, told = os.pipe()
    workers = {w.sentinel: w for w in batches._workers}

    def watch() -> None:
        while workers:
            ended = wait([*workers, stop])
            if stop in ended:
                return
            if any(workers.pop(sentinel).exitcode for sentinel in ended):
                batches._exit_thread_unexpectedly()
                return

    thread = threading.Thread(target=watch, daemon=True, name="loader watch")
    thread.start()
    try:
        yield
    finally:
        os.write(told, b".")
        thread.join()
        os.close(stop)
        os.close(told)


def explain(batches: Any, error: BaseException) -> NoReturn:
    """Raise what is behind DataLoader's own error: mostly a worker that the system has ended."""
    died = [w.exitcode for w in batches._workers if not w.is_alive() and w.exitcode]
    if not died:
        raise error
    for worker in batches._workers:
        worker.terminate()  # one of them may hold for ever what the dead one had locked
    raise EnvironmentProblem(
        f"a loader worker ended unexpectedly (exit code {died[0]}; -9: killed for lack of memory, -7: /dev/shm is "
        "full). Use fewer workers (--num_workers 0 works everywhere), smaller batches, or give the machine, or the "
        "container's /dev/shm, more memory."
    ) from error


def start_worker(parent: int, worker_id: int) -> None:
    """What a worker does first."""
    end_with(parent)  # DataLoader's own watch misses a parent that is killed in the middle of a message
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    # Ctrl-C reaches the whole group: the main process decides. Its own handlers must not run here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
