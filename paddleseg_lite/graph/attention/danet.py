"""DANet: Dual Attention Network for Scene Segmentation (Fu et al., CVPR 2019, arXiv:1809.02983).

Two attentions over the same map X [C, L], position and channel:

    P = gamma_p * V softmax_j(Q_i . K_j)^T + X      Q, K: 1x1 C -> C/8; V: 1x1 C -> C; rows over pixels j
    S = gamma_s * softmax_j(max_j G_ij - G_ij) X + X, with G = X X^T; rows over channels j
    out = P + S - X

Both gammas start at zero, so the unit starts as the identity. ``max_j G_ij`` is the
same for a whole row and drops out of its softmax, and so would a bias of K.

Deviation from the paper's head: it reduces the channels by a 3x3 convolution before
each attention, puts another behind it and adds the two, so that X counts twice;
here X counts once and the convolutions are left to the network.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...registry import CONTEXTS
from ..base import ContextUnit, pixels, to_map
from .attend import attend


class Gate(nn.Layer):
    """A learned factor that starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = self.create_parameter([1], default_initializer=nn.initializer.Constant(0.0))

    def forward(self, y: Tensor) -> Tensor:
        return self.gamma * y


class PositionAttention(nn.Layer):
    """``gamma * attention over pixels``, ``[N, C, H, W] -> [N, C, H, W]``; zero at first."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2D(channels, key_channels, 1)
        self.key = nn.Conv2D(channels, key_channels, 1, bias_attr=False)
        self.value = nn.Conv2D(channels, channels, 1)
        self.gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(to_map(attend(pixels(self.query(x)), pixels(self.key(x)), pixels(self.value(x))), x))


class ChannelAttention(nn.Layer):
    """``gamma * attention over channels``, ``[N, C, H, W] -> [N, C, H, W]``; zero at first."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        rows = pixels(x)  # [N, C, L]
        weights = F.softmax(-paddle.matmul(rows, rows, transpose_y=True), axis=-1)  # [N, C, C]
        return self.gate(to_map(paddle.matmul(weights, rows), x))


@CONTEXTS.register
class DANet(ContextUnit):
    """Position and channel attention, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        key_channels: of query and key; an eighth of C unless told.
    """

    starts_as_identity = True

    def __init__(self, *, in_channels: int, key_channels: int | None = None) -> None:
        super().__init__(in_channels)
        self.key_channels = key_channels or max(in_channels // 8, 1)
        self.position = PositionAttention(in_channels, self.key_channels)
        self.channel = ChannelAttention()

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return x + self.position(x) + self.channel(x), {}

    def macs(self, height: int, width: int) -> int:
        length, c = height * width, self.in_channels
        return (self.key_channels + c) * length**2 + 2 * c**2 * length
