"""CCNet: Criss-Cross Attention for Semantic Segmentation (Huang et al., ICCV 2019, arXiv:1811.11721).

A pixel attends to the H + W - 1 pixels of its own column and row:

    y_i = gamma * sum_{j in cross(i)} softmax_j(Q_i . K_j) V_j + x_i

Q, K: 1x1 C -> C/8 (K without bias, which the softmax would cancel); V: 1x1 C -> C.
Applied R times with the same weights: after two, every pixel has heard of every other,
at L (H + W) instead of L^2 products (L = H W). gamma starts at zero, so the unit starts
as the identity.

Deviation from the paper's head: its 3x3 convolutions before and behind are left to
the network.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...errors import ConfigError
from ...registry import CONTEXTS
from ..base import ContextUnit, spatial
from .danet import Gate

_NEVER = -1e30  # weight 0 behind a softmax: the pixel itself counts once, in its row


@CONTEXTS.register
class CCNet(ContextUnit):
    """Criss-cross attention, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        recurrence: R, how often; the paper takes 2.
        key_channels: of query and key; an eighth of C unless told.

    Raises:
        ConfigError: a recurrence below 1.
    """

    starts_as_identity = True

    def __init__(self, *, in_channels: int, recurrence: int = 2, key_channels: int | None = None) -> None:
        super().__init__(in_channels)
        if recurrence < 1:
            raise ConfigError(f"CCNet: recurrence must be at least 1, got {recurrence}.")
        self.recurrence, self.key_channels = recurrence, key_channels or max(in_channels // 8, 1)
        self.query = nn.Conv2D(in_channels, self.key_channels, 1)
        self.key = nn.Conv2D(in_channels, self.key_channels, 1, bias_attr=False)
        self.value = nn.Conv2D(in_channels, in_channels, 1)
        self.gate = Gate()

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        for _ in range(self.recurrence):
            x = x + self.gate(self.cross(x))
        return x, {}

    def cross(self, x: Tensor) -> Tensor:
        """What each pixel takes in from its column and row, ``[N, C, H, W]``."""
        height, _ = spatial(x)
        query, key, value = self.query(x), self.key(x), self.value(x)
        in_column = paddle.matmul(query.transpose([0, 3, 2, 1]), key.transpose([0, 3, 1, 2]))  # [N, W, H, H]
        itself = paddle.eye(height, dtype=x.dtype) if isinstance(height, int) else _eye(height, x.dtype)
        in_column = (in_column + _NEVER * itself).transpose([0, 2, 1, 3])  # [N, H, W, H]
        in_row = paddle.matmul(query.transpose([0, 2, 3, 1]), key.transpose([0, 2, 1, 3]))  # [N, H, W, W]
        weights = F.softmax(paddle.concat([in_column, in_row], axis=-1), axis=-1)
        of_column, of_row = weights[..., :height], weights[..., height:]
        from_column = paddle.matmul(of_column.transpose([0, 2, 1, 3]), value.transpose([0, 3, 2, 1]))  # [N, W, H, C]
        from_row = paddle.matmul(of_row, value.transpose([0, 2, 3, 1]))  # [N, H, W, C]
        return from_column.transpose([0, 3, 2, 1]) + from_row.transpose([0, 3, 1, 2])

    def macs(self, height: int, width: int) -> int:
        each = (self.key_channels + self.in_channels) * height * width * (height + width)
        return self.recurrence * each


def _eye(length: Tensor, dtype: paddle.dtype) -> Tensor:
    """Identity matrix of a side that a static graph leaves open."""
    index = paddle.arange(0, length, 1, dtype="int64")
    return (index.unsqueeze(0) == index.unsqueeze(1)).astype(dtype)
