"""Dice loss, and binary cross-entropy plus Dice.

Milletari, Navab, Ahmadi, V-Net, 3DV 2016, arXiv:1606.04797, for more than two classes.
"""

from __future__ import annotations

from collections.abc import Sequence

from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss, masked_probabilities, safe_ratio


@LOSSES.register
class DiceLoss(Loss):
    """``1 - mean_c (2 sum p_c g_c + s) / (sum p_c + sum g_c + s)``, sums over the valid pixels of the batch.

    Args:
        smooth: s; it also makes a class that is neither present nor predicted perfect.
        reduction: ``"class"``: the mean of a ratio a class, so that a rare class counts as much as a large
            one; ``"flat"``: one ratio of sums over pixels and classes (the course's Keras article), in which
            the large classes decide; ``"image"``: a ratio for each class and image (PaddleSeg).
        weight: per class: in the mean of ``"class"``, or on the terms of the sums of ``"flat"``; with ``"image"`` a
            factor of the class's loss in a mean that still divides by the number of classes.

    Raises:
        ConfigError: another ``reduction``.
    """

    def __init__(
        self,
        *,
        smooth: float = 1.0,
        reduction: str = "class",
        ignore_index: int = 255,
        weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__(ignore_index=ignore_index, weight=weight)
        if reduction not in ("class", "flat", "image"):
            raise ConfigError(f"DiceLoss reduction '{reduction}' is unknown; 'class', 'flat' or 'image'.")
        self.smooth, self.reduction = smooth, reduction

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        p, g, _ = masked_probabilities(logits, label, self.ignore_index)
        if self.reduction == "image":
            p, g = (rows.reshape([logits.shape[0], -1, logits.shape[1]]) for rows in (p, g))  # [N, H*W, K]
            loss = 1.0 - (2.0 * (p * g).sum(1) + self.smooth) / (p.sum(1) + g.sum(1) + self.smooth)
            return (loss if self.weight is None else loss * self.weight).mean()
        shared, total = (p * g).sum(0), p.sum(0) + g.sum(0)  # [K]
        if self.reduction == "flat":
            if self.weight is not None:
                shared, total = shared * self.weight, total * self.weight
            return 1.0 - (2.0 * shared.sum() + self.smooth) / (total.sum() + self.smooth)
        loss = 1.0 - (2.0 * shared + self.smooth) / (total + self.smooth)
        if self.weight is None:
            return loss.mean()
        return safe_ratio((loss * self.weight).sum(), self.weight.sum())


@LOSSES.register
class BCEDiceLoss(Loss):
    """``BCE(one-hot, softmax) + dice_weight * (1 - Dice)``, the loss of the course's Keras ENet.

    BCE is the mean over all valid pixels and classes of
    ``-[g log p + (1 - g) log(1 - p)]`` with p clipped to [1e-7, 1 - 1e-7]; Dice
    flattens pixels and classes into one ratio.

    Args:
        dice_weight: factor of the Dice term.
        smooth: added to numerator and denominator of Dice.
        ignore_index: label of the pixels that take no part.
    """

    def __init__(self, *, dice_weight: float = 3.0, smooth: float = 1.0, ignore_index: int = 255) -> None:
        super().__init__(ignore_index=ignore_index)
        self.dice_weight, self.smooth = dice_weight, smooth

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        p, g, valid = masked_probabilities(logits, label, self.ignore_index)
        clipped = p.clip(1e-7, 1.0 - 1e-7)
        bce = -(g * clipped.log() + (1.0 - g) * (1.0 - clipped).log()) * valid
        bce = safe_ratio(bce.sum(), valid.sum() * p.shape[1])
        dice = (2.0 * (p * g).sum() + self.smooth) / (p.sum() + g.sum() + self.smooth)
        return bce + self.dice_weight * (1.0 - dice)
