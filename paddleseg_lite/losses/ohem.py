"""Online hard example mining: the mean over the pixels that are still wrong or unsure.

Shrivastava, Gupta, Girshick, CVPR 2016, arXiv:1604.03540, on pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import paddle
from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss, safe_ratio
from .cross_entropy import combine_weights, hardest_mean, pixel_cross_entropy


@LOSSES.register(small={"thresh": 0.4, "min_kept": 5})
class OhemCrossEntropyLoss(Loss):
    """Cross-entropy over pixels with ``p_y <= max(thresh, k-th smallest p_y)``, k = min_kept.

    So at least ``min_kept`` valid pixels of the batch count (all of them where
    there are fewer), and all whose true class has probability below ``thresh``.

    Args:
        thresh: probability in (0, 1]; 1 keeps every pixel.
        min_kept: pixels per batch.
        top_k_percent: instead of both, this share of hardest pixels, in (0, 1].
        weight: per class.
    """

    takes_pixel_weight = True

    def __init__(
        self,
        *,
        thresh: float = 0.7,
        min_kept: int = 10000,
        top_k_percent: float | None = None,
        ignore_index: int = 255,
        weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__(ignore_index=ignore_index, weight=weight)
        if not 0.0 < thresh <= 1.0:
            raise ConfigError(f"OhemCrossEntropyLoss thresh is a probability in (0, 1], got {thresh}.")
        if min_kept < 1:
            raise ConfigError(f"OhemCrossEntropyLoss min_kept is a number of pixels, at least 1, got {min_kept}.")
        if top_k_percent is not None and not 0.0 < top_k_percent <= 1.0:
            raise ConfigError(f"OhemCrossEntropyLoss top_k_percent is a share in (0, 1], got {top_k_percent}.")
        self.min_loss, self.min_kept, self.top_k_percent = -math.log(thresh), min_kept, top_k_percent

    def forward(self, logits: Tensor, label: Tensor, pixel_weight: Tensor | None = None) -> Tensor:
        loss, valid, safe = pixel_cross_entropy(logits, label, self.ignore_index)
        weight = combine_weights(valid, self.class_weight_of(safe, logits.shape[1]), pixel_weight)
        if self.top_k_percent is not None:
            return hardest_mean(loss, weight, self.top_k_percent)
        # the selection is a constant: it is made on -log p, ignored pixels last
        order = paddle.where(valid > 0, loss, paddle.full_like(loss, -1.0)).detach()
        kth = paddle.topk(order, min(self.min_kept, loss.shape[0]), sorted=False)[0].min()
        kept = weight * (order >= kth.clip(max=self.min_loss)).astype("float32")
        return safe_ratio((loss * kept).sum(), kept.sum())
