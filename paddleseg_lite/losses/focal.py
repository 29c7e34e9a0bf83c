"""Focal loss: ``-alpha_y (1 - p_y)^gamma log p_y``, mean over the valid pixels.

Lin et al., ICCV 2017, arXiv:1708.02002, with softmax over K classes (PaddleSeg's
``MultiClassFocalLoss``; its ``FocalLoss`` is the binary sigmoid form).
"""

from __future__ import annotations

from collections.abc import Sequence

from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss, safe_ratio
from .cross_entropy import combine_weights, pixel_cross_entropy


@LOSSES.register
class FocalLoss(Loss):
    """Cross-entropy that looks away from what is already right.

    Args:
        gamma: how fast; 0 gives cross-entropy.
        alpha: one factor, or one per class. Unlike the class weights of
            cross-entropy it does not enter the denominator of the mean.
    """

    takes_pixel_weight = True

    def __init__(self, *, gamma: float = 2.0, alpha: float | Sequence[float] = 1.0, ignore_index: int = 255) -> None:
        factor, per_class = (float(alpha), None) if isinstance(alpha, (int, float)) else (1.0, alpha)
        super().__init__(ignore_index=ignore_index, weight=per_class)
        if gamma < 0:
            raise ConfigError(f"FocalLoss gamma is not negative, got {gamma}.")
        self.gamma, self.alpha = gamma, factor

    def forward(self, logits: Tensor, label: Tensor, pixel_weight: Tensor | None = None) -> Tensor:
        loss, valid, safe = pixel_cross_entropy(logits, label, self.ignore_index)
        if self.gamma:
            # 1 - p is kept off 0, where a power below 1 has no finite slope
            unsure = (1.0 - (-loss).exp()).clip(min=1e-7)
            loss = unsure**self.gamma * loss
        weight = combine_weights(valid, pixel_weight)
        scale = self.class_weight_of(safe, logits.shape[1])
        total = loss * weight if scale is None else loss * weight * scale
        return self.alpha * safe_ratio(total.sum(), weight.sum())
