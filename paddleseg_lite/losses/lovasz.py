"""Lovász-softmax: the convex extension of ``1 - IoU``.

Berman, Triki, Blaschko, CVPR 2018, arXiv:1705.08790. For class c with errors
``m = |g - p_c|`` sorted from large to small, the loss is ``sum m_i * (J_i - J_{i-1})``
where ``J_i`` is the Jaccard loss when exactly the first i pixels are wrong.
"""

from __future__ import annotations

import paddle
from paddle import Tensor

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss, check_shapes, masked_probabilities, safe_ratio


@LOSSES.register
class LovaszSoftmaxLoss(Loss):
    """Mean over classes of the Lovász extension, in [0, 1].

    Args:
        classes: ``present`` (in the labels) or ``all``.
        per_image: one loss per image, averaged; otherwise over the batch at once.
    """

    def __init__(self, *, classes: str = "present", per_image: bool = False, ignore_index: int = 255) -> None:
        super().__init__(ignore_index=ignore_index)
        if classes not in ("present", "all"):
            raise ConfigError(f"LovaszSoftmaxLoss classes is 'present' or 'all', got {classes!r}.")
        self.classes, self.per_image = classes, per_image

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        check_shapes(logits, label)
        if not self.per_image:
            return self.flat(logits, label)
        images = [self.flat(logits[i : i + 1], label[i : i + 1]) for i in range(logits.shape[0])]
        return paddle.stack(images).mean()

    def flat(self, logits: Tensor, label: Tensor) -> Tensor:
        """Loss of all pixels as one set."""
        p, g, _ = masked_probabilities(logits, label, self.ignore_index)
        p, g = p.t(), g.t()  # [K, M]
        # an ignored pixel has p = g = 0: no error, sorted last, no share in the sum
        errors = (g - p).abs()
        order = paddle.argsort(errors.detach(), axis=1, descending=True)
        slopes = jaccard_slopes(paddle.take_along_axis(g, order, axis=1))
        loss = (paddle.take_along_axis(errors, order, axis=1) * slopes).sum(axis=1)
        if self.classes == "all":
            return loss.mean()
        present = (g.sum(axis=1) > 0).astype("float32")
        return safe_ratio((loss * present).sum(), present.sum())


def jaccard_slopes(truth: Tensor) -> Tensor:
    """``J_i - J_{i-1}`` along the last axis for 0/1 truths in the order of their errors.

    They are not negative, and add up to 1.
    """
    total = truth.sum(axis=-1, keepdim=True)
    intersection = total - truth.cumsum(axis=-1)
    union = total + (1.0 - truth).cumsum(axis=-1)
    jaccard = 1.0 - intersection / union
    return paddle.concat([jaccard[..., :1], jaccard[..., 1:] - jaccard[..., :-1]], axis=-1)
