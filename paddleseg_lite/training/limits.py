"""Numbers that no machine can serve, refused before it is busy with them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import paddle

from ..config import Config
from ..errors import ConfigError
from ..inference.footprint import free_bytes
from ..models import build_model
from ..runtime import available_cores

FEWEST, PER_CORE = 32, 8  # loader workers that are always allowed, and those of a large machine
REPEATS = 4  # times that each picture of a data set may stand in one batch
LARGE = 512  # widths below are those of networks that exist
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


def check_network(spec: Mapping[str, Any], num_classes: int) -> None:
    """Refuse a network whose weights alone no memory of this machine holds.

    Raises:
        ConfigError: with the numbers.
    """
    memory = total_bytes()
    if memory is None or max(_numbers([spec, num_classes]), default=0) < LARGE:
        return
    given = {key: value for key, value in spec.items() if key != "pretrained"}
    try:
        with paddle.LazyGuard():  # without memory for the weights
            model = build_model(given, num_classes=num_classes)
        count = sum(math.prod(p.shape) for p in model.parameters())
    except Exception:  # whatever is wrong with it is told when it is built
        return
    need = 2 * 4 * count  # float32, and the gradients
    if need > memory:
        raise ConfigError(
            f"model {spec.get('type')} would have {count:,} parameters, which take {need / 2**30:,.0f} GiB in "
            f"training, and this machine has {memory / 2**30:.0f} GiB: lower its widths or the number of classes."
        )


def _numbers(value: Any) -> Iterator[int]:
    """All integers in a tree."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, Mapping):
        yield from _numbers(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _numbers(one)


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
