"""Cross-entropy: ``sum w_y (-log p_y) / sum w_y`` over the valid pixels."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss, check_shapes, safe_ratio, split_valid, to_rows


def pixel_cross_entropy(
    logits: Tensor, label: Tensor, ignore_index: int = 255, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """``-log p_y`` of every pixel, 0 where ignored.

    Paddle's kernel bounds a log-probability at -64; the gradient ``p - g`` is exact beyond.

    Returns:
        ``loss [M], valid float32 [M], safe label int64 [M]``, M = N*H*W.
    """
    check_shapes(logits, label)
    valid, safe = split_valid(label, ignore_index)
    z = to_rows(logits)
    loss = F.cross_entropy(z, safe.unsqueeze(1), reduction="none").squeeze(1)
    if label_smoothing:
        uniform = -F.log_softmax(z, axis=-1).mean(axis=-1)
        loss = (1.0 - label_smoothing) * loss + label_smoothing * uniform
    return loss * valid, valid, safe


def combine_weights(valid: Tensor, *factors: Tensor | None) -> Tensor:
    """Product of the valid mask and the factors that are not none."""
    for factor in factors:
        if factor is not None:
            valid = valid * factor.reshape([-1]).astype("float32")
    return valid


def hardest_mean(loss: Tensor, weight: Tensor, share: float) -> Tensor:
    """Weighted mean of the given share of pixels with the largest weighted loss.

    The share counts all pixels of the batch, so the number is known beforehand.
    """
    count = max(1, int(share * loss.shape[0]))
    top, index = paddle.topk(loss * weight, count)
    return safe_ratio(top.sum(), paddle.gather(weight, index).sum())


@LOSSES.register
class CrossEntropyLoss(Loss):
    """Cross-entropy with class weights, pixel weights and label smoothing.

    Args:
        weight: per class; the mean divides by the sum of the valid pixels' weights, as Paddle, PyTorch and
            PaddleSeg do.
        avg_non_ignore: the mean is over valid pixels; False: over all pixels.
        reduction: ``mean`` or ``sum`` (the FCN recipe, lr 1e-10 and less).
        label_smoothing: share of the target spread evenly over the classes.
        top_k_percent_pixels: mean over this share of hardest pixels only, 0 to 1.
    """

    takes_pixel_weight = True

    def __init__(
        self,
        *,
        weight: Sequence[float] | None = None,
        ignore_index: int = 255,
        avg_non_ignore: bool = True,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        top_k_percent_pixels: float = 1.0,
    ) -> None:
        super().__init__(ignore_index=ignore_index, weight=weight)
        if reduction not in ("mean", "sum"):
            raise ConfigError(f"CrossEntropyLoss reduction is 'mean' or 'sum', got {reduction!r}.")
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(f"CrossEntropyLoss label_smoothing lies in [0, 1), got {label_smoothing}.")
        if not 0.0 < top_k_percent_pixels <= 1.0:
            raise ConfigError(f"CrossEntropyLoss top_k_percent_pixels lies in (0, 1], got {top_k_percent_pixels}.")
        self.avg_non_ignore, self.reduction = avg_non_ignore, reduction
        self.label_smoothing, self.share = label_smoothing, top_k_percent_pixels

    def forward(self, logits: Tensor, label: Tensor, pixel_weight: Tensor | None = None) -> Tensor:
        loss, valid, safe = pixel_cross_entropy(logits, label, self.ignore_index, self.label_smoothing)
        weight = combine_weights(valid, self.class_weight_of(safe, logits.shape[1]), pixel_weight)
        if self.share < 1.0:
            return hardest_mean(loss, weight, self.share)
        total = (loss * weight).sum()
        if self.reduction == "sum":
            return total
        return safe_ratio(total, weight.sum()) if self.avg_non_ignore else total / loss.shape[0]
