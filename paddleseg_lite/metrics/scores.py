"""The scores that one confusion matrix gives, and how each treats absent classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, nearest
from ..language import columns, mark, padded
from ..language import translate as _

#: Which classes count in the mean IoU and Dice, and with what value, where the union is empty.
CONVENTIONS = {
    "nan": mark("classes neither in the truth nor predicted are left out (FCN)"),
    "gt_only": mark("classes not in the truth are left out, even where predicted"),
    "one": mark("classes neither in the truth nor predicted have IoU 1 and Dice 0"),
    "zero": mark("classes neither in the truth nor predicted have IoU 0 and Dice 0 (PaddleSeg, semseg)"),
}


@dataclass(frozen=True)
class Scores:
    """Scores of a dataset; arrays are ``[K]`` float64, nan where a class has no value.

    Attributes:
        aAcc: pixel accuracy ``sum n_ii / N`` (what some call mean accuracy is this).
        mAcc: mean of ``Acc`` over the classes in the truth.
        mIoU: mean of ``IoU`` over the classes that the convention counts.
        fwIoU: ``sum t_i IoU_i / N``.
        kappa: Cohen's, ``(aAcc - pe) / (1 - pe)``, ``pe = sum t_i p_i / N^2``.
        mDice: mean of ``Dice`` over the same classes as mIoU.
        IoU: ``n_ii / (t_i + p_i - n_ii)``.
        Dice: ``2 n_ii / (t_i + p_i)``, the F1 score.
        Acc: ``n_ii / t_i``, the recall.
        precision: ``n_ii / p_i``.
        support: pixels of each class in the truth, int64.
        predicted: pixels predicted as each class, int64.
        convention: a key of :data:`CONVENTIONS`.
    """

    aAcc: float
    mAcc: float
    mIoU: float
    fwIoU: float
    kappa: float
    mDice: float
    IoU: np.ndarray
    Dice: np.ndarray
    Acc: np.ndarray
    precision: np.ndarray
    support: np.ndarray
    predicted: np.ndarray
    convention: str = "nan"

    @property
    def recall(self) -> np.ndarray:
        """Another name of ``Acc``."""
        return self.Acc

    @classmethod
    def from_matrix(cls, matrix: np.ndarray, convention: str = "nan") -> Scores:
        """Compute from counts ``[K, K]``, rows truth.

        Raises:
            ConfigError: unknown convention.
        """
        n = np.asarray(matrix, dtype=np.float64)
        hit, truth, predicted, total = np.diag(n), n.sum(axis=1), n.sum(axis=0), n.sum()
        iou = class_iou(hit, truth, predicted, convention)
        dice = 2 * iou / (1 + iou)
        if convention == "one":
            dice = np.where(truth + predicted > 0, dice, 0.0)
        acc = _ratio(hit, truth)
        fw = float((truth * np.nan_to_num(iou)).sum() / total) if total else np.nan
        return cls(
            aAcc=float(hit.sum() / total) if total else np.nan,
            mAcc=_mean(acc),
            mIoU=_mean(iou),
            fwIoU=fw,
            kappa=_kappa(hit, truth, predicted, total),
            mDice=_mean(dice),
            IoU=iou,
            Dice=dice,
            Acc=acc,
            precision=_ratio(hit, predicted),
            support=truth.astype(np.int64),
            predicted=predicted.astype(np.int64),
            convention=convention,
        )

    def as_dict(self, class_names: Sequence[str] | None = None) -> dict[str, Any]:
        """Plain numbers for JSON; nan becomes none. Keys of ``classes`` are the class names."""
        names = _names(class_names, len(self.IoU))
        summary = {k: _plain(getattr(self, k)) for k in ("mIoU", "aAcc", "mAcc", "fwIoU", "mDice", "kappa")}
        per_class = {
            name: {
                "IoU": _plain(self.IoU[i]),
                "Dice": _plain(self.Dice[i]),
                "precision": _plain(self.precision[i]),
                "recall": _plain(self.Acc[i]),
                "support": int(self.support[i]),
                "predicted": int(self.predicted[i]),
            }
            for i, name in enumerate(names)
        }
        return {**summary, "convention": self.convention, "classes": per_class}

    def table(self, class_names: Sequence[str] | None = None) -> str:
        """A table for the terminal: one line a class, then the means."""
        names = _names(class_names, len(self.IoU))
        width = max(5, *(columns(name) for name in names))
        share = self.support / max(1, self.support.sum())
        heads = " ".join(" " * (7 - columns(h)) + h for h in ("IoU", "Dice", "Prec", "Recall", _("Share")))
        lines = [f"{padded(_('class'), width)} {heads}"]
        for i, name in enumerate(names):
            values = (self.IoU[i], self.Dice[i], self.precision[i], self.Acc[i], share[i])
            lines.append(f"{padded(name, width)} " + " ".join(_cell(v) for v in values))
        lines.append("-" * columns(lines[0]))
        lines.append(f"{padded(_('mean'), width)} {_cell(self.mIoU)} {_cell(self.mDice)} {' ' * 7} {_cell(self.mAcc)}")
        lines.append(
            f"mIoU {self.mIoU:.4f} ({self.convention}: {_(CONVENTIONS[self.convention])}), aAcc {self.aAcc:.4f}, "
            f"mAcc {self.mAcc:.4f}, fwIoU {self.fwIoU:.4f}, kappa {self.kappa:.4f}"
        )
        return "\n".join(lines)


def class_iou(hit: np.ndarray, truth: np.ndarray, predicted: np.ndarray, convention: str = "nan") -> np.ndarray:
    """IoU of each class under a convention, nan where it is left out.

    Args:
        hit, truth, predicted: ``n_ii``, ``t_i`` and ``p_i``, float arrays ``[..., K]``.

    Raises:
        ConfigError: unknown convention.
    """
    if convention not in CONVENTIONS:
        raise ConfigError(
            f"unknown mIoU convention '{convention}'.{nearest(convention, CONVENTIONS)} "
            f"Known: {', '.join(CONVENTIONS)}."
        )
    iou = _ratio(hit, truth + predicted - hit)
    if convention == "gt_only":
        return np.where(truth > 0, iou, np.nan)
    if convention == "nan":
        return iou
    return np.where(np.isnan(iou), 1.0 if convention == "one" else 0.0, iou)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)


def _mean(values: np.ndarray) -> float:
    finite = values[~np.isnan(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _kappa(hit: np.ndarray, truth: np.ndarray, predicted: np.ndarray, total: float) -> float:
    if not total:
        return float("nan")
    observed = hit.sum() / total
    expected = ((truth / total) * (predicted / total)).sum()
    if expected >= 1.0:  # one class only, in both
        return 1.0 if observed == 1.0 else 0.0
    return float((observed - expected) / (1.0 - expected))


def _names(class_names: Sequence[str] | None, count: int) -> list[str]:
    names = [str(i) for i in range(count)] if class_names is None else [str(n) for n in class_names]
    if len(names) != count:
        raise ValueError(f"{len(names)} class names for {count} classes.")
    return names


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _cell(value: float) -> str:
    return f"{'-':>7}" if np.isnan(value) else f"{value:7.4f}"
