"""Which classes are in the image at all: the image-level loss of progressive PSPNet, EncNet and GINet.

Source: the SE-loss of Zhang et al., "Context Encoding for Semantic Segmentation", CVPR 2018, arXiv:1803.08904.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from ..registry import LOSSES
from .base import Loss


@LOSSES.register
class PresenceLoss(Loss):
    """Binary cross-entropy of scores ``[N, K]`` with "class is among the image's valid labels", mean over N*K."""

    output_ndim = 2

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        if logits.ndim != 2 or label.ndim != 3 or logits.shape[0] != label.shape[0]:
            raise ValueError(
                f"PresenceLoss takes scores [N, K] and labels [N, H, W], got {logits.shape} and {label.shape}."
            )
        target = class_presence(label, logits.shape[1], self.ignore_index)
        return F.binary_cross_entropy_with_logits(logits.astype("float32"), target)


def class_presence(label: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """``label [N, H, W] -> float32 [N, K]``, 1 where the image has a pixel of the class."""
    n = label.shape[0]
    label = label.reshape([n, -1]).astype("int64")
    spare = paddle.full_like(label, num_classes)  # a column for ignored pixels, cut off below
    column = paddle.where(label == ignore_index, spare, label)
    cell = column + paddle.arange(n, dtype="int64").unsqueeze(1) * (num_classes + 1)
    table = paddle.scatter(paddle.zeros([n * (num_classes + 1)]), cell.flatten(), paddle.ones([cell.size]))
    return table.reshape([n, num_classes + 1])[:, :num_classes]
