"""Batches for training and evaluation, the same for any number of workers.

Each sample draws from a generator of its own, seeded by (seed, epoch, index);
the epoch travels with the index, so that workers need not be told of it. With
workers, ``paddle.io.DataLoader`` reads ahead in forked processes; without, samples
are read in place.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator
from typing import Any

import cv2

from ..errors import instead
from .collate import Collate, Failure, Single, checked, join, to_tensors
from .datasets.base import SegDataset
from .sampler import BatchSampler, sample_rng
from .workers import explain, own_signals, start_worker, watched, why_no_workers

logger = logging.getLogger("paddleseg_lite")


def train_batches(
    dataset: SegDataset,
    sampler: BatchSampler,
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
        sampler: which samples; its ``num_samples`` is ``len(dataset)``.
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
    if sampler.num_samples != len(dataset):
        raise ValueError(f"the sampler is for {sampler.num_samples} samples, the dataset has {len(dataset)}.")
    plan = _Plan(sampler, start_iter, stop_iter)
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
    """The sampler's batches of a range of iterations, as a batch sampler."""

    def __init__(self, sampler: BatchSampler, start: int, stop: int | None) -> None:
        self.sampler, self.start, self.stop = sampler, start, stop

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        iteration = self.start
        while self.stop is None or iteration < self.stop:
            yield self.sampler.batch(iteration)
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
    why = why_no_workers() if num_workers > 0 else None
    if why is not None:
        logger.info("%s", instead(f"a loader of {num_workers} processes", why, "the main process"))
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
        worker_init_fn=functools.partial(start_worker, os.getpid()),
        return_list=True,
        places=paddle.CPUPlace(),
    )
    with own_signals():
        batches: Any = iter(loader)
    with watched(batches):
        try:
            while True:
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                except (SystemError, RuntimeError) as e:
                    explain(batches, e)
                yield checked(batch)
        finally:
            batches._try_shutdown_all()  # DataLoader itself keeps the workers until the next one is made
