"""What all losses share: rows of pixels, the valid mask, means that survive an all-ignored batch.

Measured on 2 cores, 4x11x360x480: softmax cross-entropy over axis 1 takes 53 ms,
transposing to rows ``[N*H*W, K]`` first takes 29 ms. So every loss works on rows.
Nothing here reads a tensor's value: a training step never waits for the loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import Tensor, nn


class Loss(nn.Layer):
    """Base of the losses: ``forward(logits [N, K, H, W], label [N, H, W]) -> scalar``.

    Args:
        ignore_index: label of the pixels that take no part.
        weight: one factor per class, or none.
    """

    takes_pixel_weight = False  #: forward has a third argument ``pixel_weight [N, H, W]``
    weight: Tensor | None
    output_ndim = 4  #: 4: maps ``[N, K, H, W]``; 2: scores per image ``[N, K]``

    def __init__(self, *, ignore_index: int = 255, weight: Sequence[float] | None = None) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        if weight is None:
            self.weight = None
        else:
            table = paddle.to_tensor([float(w) for w in weight], dtype="float32")
            self.register_buffer("weight", table, persistable=False)

    def class_weight_of(self, safe_label: Tensor, num_classes: int) -> Tensor | None:
        """Weight of each pixel's class, or none."""
        if self.weight is None:
            return None
        if self.weight.shape[0] != num_classes:
            raise ValueError(
                f"{type(self).__name__}: weight has {self.weight.shape[0]} entries, but the logits have "
                f"{num_classes} classes."
            )
        return paddle.gather(self.weight, safe_label)


def check_shapes(logits: Tensor, label: Tensor) -> None:
    """Raise ValueError unless logits are ``[N, K, H, W]`` and labels ``[N, H, W]`` of the same N, H, W."""
    z, y = list(logits.shape), list(label.shape)
    if len(z) != 4 or len(y) != 3 or z[:1] + z[2:] != y:
        raise ValueError(
            f"a loss takes logits [N, K, H, W] and labels [N, H, W] of the same N, H and W, but got {z} and {y}."
        )


def to_rows(logits: Tensor) -> Tensor:
    """``[N, K, H, W] -> [N*H*W, K]`` in fp32."""
    return logits.transpose([0, 2, 3, 1]).reshape([-1, logits.shape[1]]).astype("float32")


def split_valid(label: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    """``(valid float32 [M], label int64 [M] with 0 where ignored)``."""
    label = label.reshape([-1]).astype("int64")
    valid = label != ignore_index
    return valid.astype("float32"), paddle.where(valid, label, paddle.zeros_like(label))


def safe_ratio(total: Tensor, count: Tensor) -> Tensor:
    """``total / count``, and 0 (with zero gradient) where count is 0."""
    return total / (count + (count == 0).astype(count.dtype))


def masked_probabilities(logits: Tensor, label: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Softmax and one-hot rows, both 0 on ignored pixels, and the valid mask.

    Returns:
        ``p [M, K], g [M, K], valid [M, 1]``.
    """
    check_shapes(logits, label)
    valid, safe = split_valid(label, ignore_index)
    valid = valid.unsqueeze(1)
    p = nn.functional.softmax(to_rows(logits), axis=-1) * valid
    g = nn.functional.one_hot(safe, logits.shape[1]) * valid
    return p, g, valid
