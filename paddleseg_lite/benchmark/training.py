"""A training step in its parts: data, forward (with the loss), backward, optimizer."""

from __future__ import annotations

import contextlib
import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import paddle

from .. import accel
from ..data import BatchSampler, train_batches
from ..data.building import build_dataset
from ..errors import DataError
from ..layers import apply_freeze_bn
from ..losses import build_criterion
from ..optim.optimizers import build_optimizer
from .subject import Subject, synchronize

logger = logging.getLogger("paddleseg_lite")

PARTS = ("forward", "backward", "optimizer")


@dataclass
class StepSplit:
    """Medians in milliseconds; ``data`` is ``None`` where the dataset is not on this machine."""

    batch_shape: list[int]
    data: float | None
    parts: dict[str, dict[str, float]]  # kernels -> part -> ms

    def images_per_second(self, kernels: str) -> float:
        """Without workers: reading and computing take turns."""
        return 1000 * self.batch_shape[0] / (sum(self.parts[kernels].values()) + (self.data or 0.0))


def split_step(
    subject: Subject, kernels: list[str], *, repeats: int = 7, batch_size: int | None = None, max_seconds: float = 60.0
) -> StepSplit:
    """Time training steps, the kernels taking turns on the same batches.

    Args:
        subject: its recipe gives loss, optimizer, batch size and data.
        kernels: of ``off``, ``fp32``, ``bf16`` (see :func:`paddleseg_lite.accel.enable`).
        repeats: steps of each.
        batch_size: instead of the recipe's.
        max_seconds: no further round after this, once three are there.
    """
    batches, real = _batches(subject, batch_size or subject.config.batch_size)
    steppers = {mode: Stepper(subject, mode) for mode in kernels}
    waits, times = [], {mode: [] for mode in kernels}
    begun = time.perf_counter()
    for turn in range(repeats + 1):
        if turn > 3 and time.perf_counter() - begun > max_seconds:
            break
        started = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - started)
        for i in range(len(kernels)):
            mode = kernels[(turn + i) % len(kernels)]
            times[mode].append(steppers[mode](batch))
    medians = {mode: (1000 * np.median(rows[1:], axis=0)).tolist() for mode, rows in times.items()}  # first: warm-up
    return StepSplit(
        batch_shape=list(batch["image"].shape),
        data=1000 * float(np.median(waits[1:])) if real else None,
        parts={mode: dict(zip(PARTS, values)) for mode, values in medians.items()},
    )


class Stepper:
    """A copy of the network that trains with one sort of kernels; a call makes a step and returns its parts."""

    def __init__(self, subject: Subject, kernels: str):
        config = subject.config
        self.model = copy.deepcopy(subject.model)
        self.model.train()
        apply_freeze_bn(self.model, config.freeze_bn)
        if kernels != "off":
            accel.enable(self.model, kernels)
        self.criterion = build_criterion(
            config.loss, num_classes=subject.num_classes, ignore_index=subject.ignore_index
        )
        self.optimizer, _ = build_optimizer(config.optimizer, self.model, config.lr_scheduler, iters=1000)

    def __call__(self, batch) -> list[float]:
        marks = [time.perf_counter()]
        total, _ = self.criterion(self.model(batch["image"]), batch)
        self._mark(marks)
        total.backward()
        self._mark(marks)
        self.optimizer.step()
        self.optimizer.clear_grad(set_to_zero=False)
        self._mark(marks)
        return np.diff(marks).tolist()

    @staticmethod
    def _mark(marks: list[float]) -> None:
        synchronize()
        marks.append(time.perf_counter())


def _batches(subject: Subject, batch_size: int) -> tuple[Iterator[dict], bool]:
    """The recipe's own batches, or random ones of the subject's size; whether they are the recipe's."""
    config = subject.config
    if config.train_dataset is not None:
        with contextlib.suppress(DataError):
            dataset = build_dataset(config.train_dataset, mode="train")
            sampler = BatchSampler(len(dataset), min(batch_size, len(dataset)), seed=config.seed)
            return iter(train_batches(dataset, sampler, seed=config.seed)), True
    logger.info("%s: the data is not here; the training step is timed on random images", subject.name)
    return _random_batches(subject, batch_size), False


def _random_batches(subject: Subject, batch_size: int) -> Iterator[dict]:
    _, channels, height, width = subject.shape
    while True:
        yield {
            "image": paddle.randn([batch_size, channels, height, width]),
            "label": paddle.randint(0, subject.num_classes, [batch_size, height, width], dtype="int64"),
            "meta": [],
        }
