"""Calibration: does a pixel predicted with confidence 0.8 turn out right 8 times in 10?

Guo et al., ICML 2017, arXiv:1706.04599. Confidence is the largest class
probability. Over bins of equal width, the expected calibration error (ECE) is
``sum_b n_b / N |accuracy_b - confidence_b|`` and the maximum one (MCE) the largest gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class CalibrationScores:
    """ECE, MCE and the bins ``[B]``; accuracy and confidence are nan in empty bins."""

    ECE: float
    MCE: float
    edges: np.ndarray
    count: np.ndarray
    accuracy: np.ndarray
    confidence: np.ndarray


class Calibration:
    """Accumulates the bins over images; nothing per pixel is kept.

    Args:
        num_bins: B.
        ignore_index: truth of the pixels that take no part; so does every truth outside ``[0, K)``.
    """

    def __init__(self, num_bins: int = 15, ignore_index: int = 255) -> None:
        if num_bins < 1:
            raise ValueError(f"num_bins must be positive, got {num_bins}.")
        self.num_bins, self.ignore_index = num_bins, ignore_index
        self.count = np.zeros(num_bins, dtype=np.int64)
        self.correct, self.confidence = np.zeros(num_bins), np.zeros(num_bins)

    def update(self, probabilities: np.ndarray, label: np.ndarray) -> Calibration:
        """Add one image.

        Args:
            probabilities: ``[K, H, W]``, adding up to 1 over K.
            label: ``[H, W]``.

        Raises:
            ValueError: the shapes do not match or the values are no probabilities.
        """
        p, label = _checked(probabilities, label)
        if p.size and (p.min() < -1e-4 or p.max() > 1 + 1e-4):
            raise ValueError(
                f"values from {p.min():.3g} to {p.max():.3g} are no probabilities; apply softmax, or use update_logits."
            )
        pred = p.argmax(axis=0)
        top = np.take_along_axis(p, pred[None], axis=0)[0]
        return self._add(top, pred, label, len(p))

    def update_logits(self, logits: np.ndarray, label: np.ndarray) -> Calibration:
        """As :meth:`update`, from raw logits ``[K, H, W]``."""
        z, label = _checked(logits, label)
        z = z.astype(np.float32) - z.max(axis=0)
        return self._add(1.0 / np.exp(z).sum(axis=0), z.argmax(axis=0), label, len(z))

    def _add(self, top: np.ndarray, pred: np.ndarray, label: np.ndarray, classes: int) -> Calibration:
        valid = (label >= 0) & (label < classes) & (label != self.ignore_index)
        top = top[valid].astype(np.float64)
        right = (pred[valid] == label[valid]).astype(np.float64)
        place = np.clip((top * self.num_bins).astype(np.int64), 0, self.num_bins - 1)
        self.count += np.bincount(place, minlength=self.num_bins)
        self.correct += np.bincount(place, weights=right, minlength=self.num_bins)
        self.confidence += np.bincount(place, weights=top, minlength=self.num_bins)
        return self

    def merge(self, other: Calibration) -> Calibration:
        """Add the images of another accumulator with the same bins."""
        if other.num_bins != self.num_bins:
            raise ValueError(f"cannot merge {self.num_bins} and {other.num_bins} bins.")
        self.count += other.count
        self.correct += other.correct
        self.confidence += other.confidence
        return self

    def compute(self) -> CalibrationScores:
        """Errors and bins over all images so far; nan where there was no valid pixel."""
        filled = self.count > 0
        accuracy, confidence = (
            np.divide(sums, self.count, out=np.full(self.num_bins, np.nan), where=filled)
            for sums in (self.correct, self.confidence)
        )
        gap = np.abs(accuracy - confidence)[filled]
        total = self.count.sum()
        return CalibrationScores(
            ECE=float((gap * self.count[filled]).sum() / total) if total else float("nan"),
            MCE=float(gap.max()) if total else float("nan"),
            edges=np.linspace(0.0, 1.0, self.num_bins + 1),
            count=self.count.copy(),
            accuracy=accuracy,
            confidence=confidence,
        )


def _checked(values: ArrayLike, label: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    values, label = np.asarray(values), np.asarray(label)
    if values.ndim != 3 or values.shape[1:] != label.shape:
        raise ValueError(f"calibration takes [K, H, W] and labels [H, W], got {values.shape} and {label.shape}.")
    return values, label
