"""Batches for training and evaluation, the same for any number of workers.

Each sample draws from a generator of its own, seeded by (seed, epoch, index);
the epoch travels with the index, so that workers need not be told of it. With
workers, ``paddle.io.DataLoader`` reads ahead in forked processes; without, samples
are read in place.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import platform
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import Any, NoReturn

import cv2

from ..errors import EnvironmentProblem, instead
from ..processes import end_with
from .collate import Collate, Failure, Single, checked, join, to_tensors
from .datasets.base import SegDataset
from .sampler import BatchSchedule, sample_rng

logger = logging.getLogger("paddleseg_lite")


def train_batches(
    dataset: SegDataset,
    schedule: BatchSchedule,
    *,
    seed: int,
    start_iter: int = 0,
    stop_iter: int | None = None,
    num_workers: int = 0,
    prefetch: int = 2,
) -> Iterator[dict[str, Any]]:
    """Batches of iterations ``start_iter`` to ``stop_iter`` - 1 (endless unless given).

    Args:
        dataset: in train mode.
        schedule: which samples; its ``num_samples`` is ``len(dataset)``.
        seed: of the random transforms.
        num_workers: reading processes; Linux only, elsewhere they are replaced by none.
        prefetch: batches each worker reads ahead.

    Yields:
        ``image`` float32 [N, C, H, W], ``label`` int64 [N, H, W], ``weight`` float32
        [N, H, W] where a transform adds it (paddle tensors), and ``meta``, a list of dicts.

    Raises:
        DataError: of a sample, with its own message, from whatever process; or
            samples of a batch differ in size.
    """
    if schedule.num_samples != len(dataset):
        raise ValueError(f"the schedule is for {schedule.num_samples} samples, the dataset has {len(dataset)}.")
    plan = _Plan(schedule, start_iter, stop_iter)
    for batch in _run(dataset, plan, Collate(), seed, num_workers, prefetch):
        yield to_tensors(batch)


def eval_batches(
    dataset: SegDataset,
    *,
    batch_size: int = 1,
    num_workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    prefetch: int = 2,
) -> Iterator[dict[str, Any]]:
    """The samples of a dataset once, in order; process ``rank`` takes every ``world_size``-th from ``rank`` on.

    Neighbours are joined to a batch where their transformed images have one size.

    Yields:
        ``image`` float32 [n, C, h, w] (a paddle tensor, n up to ``batch_size``), ``label``
        (absent in test mode): a list of n arrays [H, W] at the labels' own sizes, and
        ``meta``: a list of n dicts, with what ``restore`` needs.
    """
    indices = range(rank, len(dataset), world_size)
    waiting: list[dict] = []
    for batch in _run(dataset, [[(0, i)] for i in indices], Single(), 0, num_workers, max(prefetch, batch_size)):
        if waiting and (len(waiting) == batch_size or waiting[0]["image"].shape != batch["image"].shape):
            yield join(waiting)
            waiting = []
        waiting.append(batch)
    if waiting:
        yield join(waiting)


class _Plan:
    """The schedule's batches of a range of iterations, as a batch sampler."""

    def __init__(self, schedule: BatchSchedule, start: int, stop: int | None) -> None:
        self.schedule, self.start, self.stop = schedule, start, stop

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        iteration = self.start
        while self.stop is None or iteration < self.stop:
            yield self.schedule.batch(iteration)
            iteration += 1

    def __len__(self) -> int:
        return max(0, (2**31 if self.stop is None else self.stop) - self.start)


class _Samples:
    """The dataset as DataLoader reads it, by (epoch, index); an error is a value, to reach the main process whole."""

    def __init__(self, dataset: SegDataset, seed: int) -> None:
        self.dataset, self.seed = dataset, seed

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, index = key
        try:
            return self.dataset.get(index, sample_rng(self.seed, epoch, index))
        except Exception as e:
            return Failure(e, f"sample {index}")

    def __len__(self) -> int:
        return len(self.dataset)


def _run(
    dataset: SegDataset, plan: Any, collate: Any, seed: int, num_workers: int, prefetch: int
) -> Iterator[dict[str, Any]]:
    """Yield collated batches in order; raise what went wrong in a sample."""
    cv2.setNumThreads(1)
    dataset.open_cache()
    samples: Any = _Samples(dataset, seed)
    if num_workers > 0 and platform.system() != "Linux":
        logger.info("%s", instead(f"a loader of {num_workers} processes", "it needs Linux", "the main process"))
        num_workers = 0
    if num_workers == 0:
        for keys in plan:
            yield checked(collate([samples[key] for key in keys]))
        return
    import paddle

    loader = paddle.io.DataLoader(
        samples,
        batch_sampler=plan,
        collate_fn=collate,
        num_workers=num_workers,
        prefetch_factor=prefetch,
        worker_init_fn=functools.partial(_start_worker, os.getpid()),
        return_list=True,
        places=paddle.CPUPlace(),
    )
    with _own_signals():
        batches: Any = iter(loader)
    with _watched(batches):
        try:
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                except (SystemError, RuntimeError) as e:
                    _explain(batches, e)
                yield checked(batch)
        finally:
            batches._try_shutdown_all()  # DataLoader itself keeps the workers until the next one is made


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
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
def _watched(batches: Any) -> Iterator[None]:
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


def _explain(batches: Any, error: BaseException) -> NoReturn:
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


def _start_worker(parent: int, worker_id: int) -> None:
    end_with(parent)  # DataLoader's own watch misses a parent that is killed in the middle of a message
    cv2.setNumThreads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    # Ctrl-C reaches the whole group: the main process decides. Its own handlers must not run here.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
