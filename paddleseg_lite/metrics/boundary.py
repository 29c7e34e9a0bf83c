"""Boundary F1: how well the outlines of prediction and truth agree.

Csurka et al., BMVC 2013, as SegNet (arXiv:1511.00561) reports it. For one image
and class, P is the share of predicted boundary pixels that lie within a tolerance
of the truth's boundary, R the reverse; F1 is their harmonic mean. An image's score
is the mean over its classes, a dataset's the mean over images.

A boundary pixel of class c has a 4-neighbour that is valid and not c; the image's
edge and the edge of ignored regions are no boundary. A pixel may match several
(the Berkeley benchmark assigns one to one), which is lenient on doubled outlines.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class BoundaryScores:
    """``mean``: over images; ``per_class [K]``: over the images in which a class counts, nan for none."""

    mean: float
    per_class: np.ndarray
    images: int


class BoundaryF1:
    """Accumulates boundary F1 over images.

    Args:
        num_classes: K.
        ignore_index: truth of the pixels that take no part; so does every truth outside ``[0, K)``.
        tolerance: as a share of the image's diagonal (4.5 pixels for 480x360).
        truth_only: count the classes in the truth only, not those in truth or prediction.
    """

    def __init__(
        self, num_classes: int, ignore_index: int = 255, *, tolerance: float = 0.0075, truth_only: bool = False
    ) -> None:
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.tolerance, self.truth_only = tolerance, truth_only
        self.class_sum, self.class_count = np.zeros(num_classes), np.zeros(num_classes, dtype=np.int64)
        self.image_sum, self.image_count = 0.0, 0

    def update(self, pred: np.ndarray, label: np.ndarray) -> float:
        """Add one image; returns its score (nan where no class has a boundary).

        Args:
            pred, label: class ids ``[H, W]``.
        """
        scores = self.image_scores(pred, label)
        counted = ~np.isnan(scores)
        self.class_sum[counted] += scores[counted]
        self.class_count += counted
        if not counted.any():
            return float("nan")
        self.image_sum += scores[counted].mean()
        self.image_count += 1
        return float(scores[counted].mean())

    def image_scores(self, pred: np.ndarray, label: np.ndarray) -> np.ndarray:
        """F1 of each class in one image, ``[K]``; nan where a class does not count."""
        pred, label = np.asarray(pred), np.asarray(label)
        if pred.shape != label.shape or pred.ndim != 2:
            raise ValueError(f"boundary F1 takes ids [H, W], got prediction {pred.shape} and label {label.shape}.")
        valid = (label >= 0) & (label < self.num_classes) & (label != self.ignore_index)
        limit = self.tolerance * float(np.hypot(*label.shape))
        truth_edge, pred_edge = edges(label, valid), edges(pred, valid)
        scores = np.full(self.num_classes, np.nan)
        in_truth = set(np.unique(label[valid]).tolist())
        for c in in_truth if self.truth_only else in_truth | set(np.unique(pred[valid]).tolist()):
            a, b = truth_edge & (label == c), pred_edge & (pred == c)
            if a.any() or b.any():
                scores[c] = _f1(a, b, limit)
        return scores

    def merge(self, other: BoundaryF1) -> BoundaryF1:
        """Add the images of another accumulator."""
        self.class_sum += other.class_sum
        self.class_count += other.class_count
        self.image_sum += other.image_sum
        self.image_count += other.image_count
        return self

    def compute(self) -> BoundaryScores:
        """Means over all images so far."""
        per_class = np.full(self.num_classes, np.nan)
        np.divide(self.class_sum, self.class_count, out=per_class, where=self.class_count > 0)
        mean = self.image_sum / self.image_count if self.image_count else float("nan")
        return BoundaryScores(mean=float(mean), per_class=per_class, images=self.image_count)


def edges(ids: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Valid pixels with a valid 4-neighbour of another id, bool ``[H, W]``."""
    edge = np.zeros(ids.shape, dtype=bool)
    for a, b in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = (ids[a] != ids[b]) & valid[a] & valid[b]
        edge[a] |= differ
        edge[b] |= differ
    return edge


def _f1(truth: np.ndarray, pred: np.ndarray, limit: float) -> float:
    if not truth.any() or not pred.any():
        return 0.0
    precision = _near(pred, truth, limit).mean()
    recall = _near(truth, pred, limit).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def _near(points: np.ndarray, target: np.ndarray, limit: float) -> np.ndarray:
    """For each point, whether a target pixel lies within ``limit`` (Euclidean)."""
    distance = cv2.distanceTransform((~target).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance[points] <= limit + 1e-4
