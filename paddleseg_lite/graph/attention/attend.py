"""Scaled dot-product attention over pixels, channels first."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor


def attend(query: Tensor, key: Tensor, value: Tensor, *, scale: float = 1.0) -> Tensor:
    """``y_i = sum_j softmax_j(scale * query_i . key_j) value_j``.

    Args:
        query: ``[N, D, L]``.
        key: ``[N, D, M]``.
        value: ``[N, E, M]``.
        scale: factor of the products, ``D ** -0.5`` in most papers.

    Returns:
        ``[N, E, L]``.
    """
    weights = F.softmax(scale * paddle.matmul(query, key, transpose_x=True), axis=-1)  # [N, L, M]
    return paddle.matmul(value, weights, transpose_y=True)
