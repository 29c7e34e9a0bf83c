"""Bootstrap over images: how far mIoU would move with another sample of test images.

Images are drawn with replacement, their confusion matrices added, and mIoU computed
from the sum, many times; the interval is the middle share of the results (Efron's
percentile method). For two runs on the same images each draw is used for both, so
that what is hard for both cancels out of the difference.

The interval speaks of the choice of test images only, not of training seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .scores import class_iou


@dataclass(frozen=True)
class Interval:
    """A value on all images and its bootstrap interval.

    ``p_value`` (differences only): two-sided, twice the smaller share of draws on
    one side of 0; with B draws it cannot be told below ``2 / (B + 1)``.
    """

    value: float
    low: float
    high: float
    confidence: float
    samples: int
    p_value: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def miou_interval(
    matrices: Sequence[np.ndarray],
    *,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    convention: str = "nan",
) -> Interval:
    """mIoU over a dataset and its bootstrap interval.

    Args:
        matrices: one confusion matrix ``[K, K]`` per image, rows truth.
        samples: draws.
        confidence: share of the draws inside the interval.
        seed: of the draws; the same seed gives the same interval.
        convention: how absent classes count (:data:`~paddleseg_lite.metrics.CONVENTIONS`).
    """
    counts = _counts(matrices)
    draws = _draws(len(counts), samples, seed)
    return _interval(_miou(counts.sum(axis=0), convention), _miou(draws @ counts, convention), confidence)


def difference_interval(
    a: Sequence[np.ndarray],
    b: Sequence[np.ndarray],
    *,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    convention: str = "nan",
) -> Interval:
    """``mIoU(b) - mIoU(a)`` for two runs on the same images in the same order, with its paired interval.

    Raises:
        ValueError: the runs do not have the same images or classes.
    """
    first, second = _counts(a), _counts(b)
    if first.shape != second.shape:
        raise ValueError(
            f"the runs differ: {len(first)} images of {first.shape[1] // 3} classes and "
            f"{len(second)} of {second.shape[1] // 3}."
        )
    _, truth, _ = np.split(first, 3, axis=1)
    _, other, _ = np.split(second, 3, axis=1)
    if not np.array_equal(truth, other):
        raise ValueError("the runs were not scored on the same images in the same order: their truths differ.")
    draws = _draws(len(first), samples, seed)
    value = _miou(second.sum(axis=0), convention) - _miou(first.sum(axis=0), convention)
    drawn = _miou(draws @ second, convention) - _miou(draws @ first, convention)
    side = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return _interval(value, drawn, confidence, p_value=min(1.0, 2.0 * (side + 1) / (samples + 1)))


def _counts(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Hits, truths and predictions of each image, ``[images, 3 K]`` float64: all that IoU needs."""
    rows = [np.concatenate([np.diag(m), np.sum(m, axis=1), np.sum(m, axis=0)]) for m in matrices]
    if not rows:
        raise ValueError("there is no image to draw from.")
    return np.asarray(rows, dtype=np.float64)


def _draws(images: int, samples: int, seed: int) -> np.ndarray:
    """How often each draw takes each image, ``[samples, images]``."""
    if samples < 1:
        raise ValueError(f"samples must be positive, got {samples}.")
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1.0 / images), size=samples).astype(np.float64)


def _miou(counts: np.ndarray, convention: str) -> np.ndarray:
    hit, truth, predicted = np.split(counts, 3, axis=-1)
    iou = class_iou(hit, truth, predicted, convention)
    used = ~np.isnan(iou)
    number = used.sum(axis=-1)
    total = np.where(used, iou, 0.0).sum(axis=-1)
    return np.divide(total, number, out=np.full(np.shape(number), np.nan), where=number > 0)


def _interval(
    value: float | np.ndarray, drawn: np.ndarray, confidence: float, p_value: float | None = None
) -> Interval:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}.")
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high), confidence, len(drawn), p_value)
