"""Labels for logits of another size, and the check that label ids are legal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import Tensor

from ..errors import DataError


def fit_labels(label: Tensor, size: Sequence[int]) -> Tensor:
    """Pick labels ``[N, H, W] -> [N, h, w]`` by nearest, never mixing ids.

    Every s-th pixel from the first where ``H = (h - 1) s + 1`` (the grid of a
    padded stride-s network: 321 -> 41), otherwise the pixel under each cell's centre.
    """
    for axis, target in ((1, size[0]), (2, size[1])):
        if label.shape[axis] != target:
            index = paddle.to_tensor(_nearest_index(label.shape[axis], target), dtype="int64")
            label = paddle.index_select(label, index, axis=axis)
    return label


def _nearest_index(source: int, target: int) -> list[int]:
    if 1 < target <= source and (source - 1) % (target - 1) == 0:
        return list(range(0, source, (source - 1) // (target - 1)))
    return [(2 * i + 1) * source // (2 * target) for i in range(target)]


def crop_labels(label: Tensor, size: Sequence[int]) -> Tensor:
    """Cut the centre ``[N, h, w]`` out of ``[N, H, W]``."""
    top, left = label.shape[1] - size[0], label.shape[2] - size[1]
    if top < 0 or left < 0:
        raise ValueError(f"label_fit crop: logits {list(size)} are larger than the labels {list(label.shape[1:])}.")
    top, left = top // 2, left // 2
    return label[:, top : top + size[0], left : left + size[1]]


def check_labels(label: Tensor, num_classes: int, ignore_index: int = 255, *, where: str = "label") -> None:
    """Raise DataError where a label id is neither below ``num_classes`` nor ``ignore_index``.

    Reads every value: for the first batches and for debugging, not for each step.

    Args:
        label: tensor or array of integers, any shape.
        where: what the message calls it (a file name, say).
    """
    array = np.asarray(label.numpy() if hasattr(label, "numpy") else label)
    if array.dtype.kind not in "iu":
        raise DataError(f"{where}: labels are integers, but got {array.dtype}.")
    ids = np.unique(array)
    bad = ids[(ids != ignore_index) & ((ids < 0) | (ids >= num_classes))]
    if bad.size:
        raise DataError(
            f"{where}: label ids {bad[:10].tolist()} are neither in 0..{num_classes - 1} nor ignore_index "
            f"{ignore_index}. Set num_classes to {int(bad.max()) + 1} or more, or map them with label_map."
        )
