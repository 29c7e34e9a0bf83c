"""ISANet: Interlaced Sparse Self-Attention for Semantic Segmentation (Huang et al., 2019, arXiv:1907.12273).

Dense attention as two sparse ones. The map is cut into Q_h x Q_w blocks of
P_h x P_w pixels:

    long range    pixels at the same place of all blocks attend to each other
    short range   pixels of one block attend to each other
    out = ConvBNReLU([attended, x])

so that L pixels need L (Q_h Q_w + P_h P_w) products instead of L^2. Maps that the
blocks do not divide are padded by zeros on all sides and cut again.

Each attention: query and key two 1x1 ConvBNReLU, C -> D; value 1x1 C -> C; products
times D^-1/2; 1x1 ConvBNReLU behind.
"""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...layers import ConvBNAct
from ...registry import CONTEXTS
from ..base import ContextUnit, pixels, spatial, to_map
from .attend import attend


class SelfAttention(nn.Layer):
    """Attention among the pixels of a map, ``[N, C, H, W] -> [N, C, H, W]``."""

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.query = nn.Sequential(ConvBNAct(channels, key_channels, 1), ConvBNAct(key_channels, key_channels, 1))
        self.key = nn.Sequential(ConvBNAct(channels, key_channels, 1), ConvBNAct(key_channels, key_channels, 1))
        self.value = nn.Conv2D(channels, channels, 1)
        self.out = ConvBNAct(channels, channels, 1)
        self.scale = key_channels**-0.5

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (pixels(part(x)) for part in (self.query, self.key, self.value))
        return self.out(to_map(attend(query, key, value, scale=self.scale), x))


@CONTEXTS.register(small={"block": [4, 4]})
class ISANet(ContextUnit):
    """Interlaced sparse self-attention, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        key_channels: D; half of C unless told.
        block: ``(P_h, P_w)``, pixels of a block.
    """

    def __init__(self, *, in_channels: int, key_channels: int | None = None, block: tuple[int, int] = (8, 8)) -> None:
        super().__init__(in_channels)
        self.key_channels, self.block = key_channels or max(in_channels // 2, 1), tuple(block)
        self.long_range = SelfAttention(in_channels, self.key_channels)
        self.short_range = SelfAttention(in_channels, self.key_channels)
        self.fuse = ConvBNAct(2 * in_channels, in_channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        (p, r), c = self.block, self.in_channels
        height, width = spatial(x)
        rows, columns = (height + p - 1) // p, (width + r - 1) // r  # Q_h, Q_w
        top, left = (rows * p - height) // 2, (columns * r - width) // 2
        bottom, right = rows * p - height - top, columns * r - width - left
        y = F.pad(x, _pad_sides([left, right, top, bottom]))
        y = y.reshape([-1, c, rows, p, columns, r]).transpose([0, 3, 5, 1, 2, 4])  # [N, P_h, P_w, C, Q_h, Q_w]
        y = self.long_range(y.reshape([-1, c, rows, columns]))
        y = y.reshape([-1, p, r, c, rows, columns]).transpose([0, 4, 5, 3, 1, 2])  # [N, Q_h, Q_w, C, P_h, P_w]
        y = self.short_range(y.reshape([-1, c, p, r]))
        y = y.reshape([-1, rows, columns, c, p, r]).transpose([0, 3, 1, 4, 2, 5])
        y = y.reshape([-1, c, rows * p, columns * r])[:, :, top : top + height, left : left + width]
        return self.fuse(paddle.concat([y, x], axis=1)), {}

    def macs(self, height: int, width: int) -> int:
        p, r = self.block
        blocks = -(-height // p) * -(-width // r)
        return (self.key_channels + self.in_channels) * blocks * p * r * (blocks + p * r)


def _pad_sides(sides: list[Any]) -> Any:
    """What ``F.pad`` takes: Paddle 2.6 wants sides that a static graph knows only when it runs as one tensor."""
    if not any(isinstance(side, paddle.static.Variable) for side in sides):
        return sides
    return paddle.stack([paddle.full([], s, "int32") if isinstance(s, int) else s.astype("int32") for s in sides])
