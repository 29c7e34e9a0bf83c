"""Numbers that no machine can serve, refused before it is busy with them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..config import Config
from ..errors import ConfigError
from ..inference.footprint import free_bytes
from ..runtime import available_cores

FEWEST, PER_CORE = 32, 8  # loader workers that are always allowed, and those of a large machine
REPEATS = 4  # times that each picture of a data set may stand in one batch
PREFETCH = 2  # batches each worker reads ahead


def check_workers(workers: int) -> None:
    """Refuse a number of loader workers that would only keep the machine busy.

    Raises:
        ConfigError: with the most that makes sense here.
    """
    if workers < 0:
        raise ConfigError(f"--num_workers must be 0 or more, got {workers}.")
    cores = available_cores()
    most = max(FEWEST, PER_CORE * cores)
    if workers > most:
        raise ConfigError(
            f"num_workers is {workers}, and this machine has {cores} cores: take 0 to {most} "
            f"(more than {cores} rarely helps)."
        )


def check_batch(config: Config, dataset: Any) -> None:
    """Refuse a batch that holds the same pictures over and over, or that no memory holds.

    Raises:
        ConfigError: with the numbers.
    """
    size = config.batch_size
    if size > max(64, REPEATS * len(dataset)):
        raise ConfigError(
            f"batch_size is {size}, and the data set has {len(dataset)} pictures: each would stand in a batch "
            f"{size // len(dataset)} times. Lower batch_size."
        )
    if size <= 8:
        return
    need, free = size * sample_bytes(dataset) * (2 + PREFETCH * config.num_workers), free_bytes() or total_bytes()
    if free is not None and need > free:
        raise ConfigError(
            f"batch_size is {size}: the pictures alone take {need / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are "
            "free. Lower batch_size, the crop or num_workers; --accumulate keeps the effective batch."
        )


def sample_bytes(dataset: Any) -> int:
    """Bytes of one sample in a batch: float32 image, int64 label, float32 weight where there is one."""
    sample = dataset.get(0, np.random.default_rng(0))
    label, weight = sample.get("label"), sample.get("weight")
    return (
        4 * sample["image"].size
        + (8 * label.size if label is not None else 0)
        + (4 * weight.size if weight is not None else 0)
    )


def total_bytes() -> int | None:
    """The machine's memory, where the system tells of what it has only."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
