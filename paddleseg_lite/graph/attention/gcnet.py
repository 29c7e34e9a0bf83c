"""GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond (Cao et al., ICCVW 2019, arXiv:1904.11492).

The attention maps of non-local blocks hardly depend on the pixel that asks, so one
map serves all:

    a = softmax over pixels of w x_j                   one map, [L]
    t = W2 ReLU(LayerNorm(W1 sum_j a_j x_j))           [C], through a bottleneck of C * ratio
    out = x + t

w has no bias, which the softmax would cancel. W2 starts at zero, so the unit starts
as the identity (PaddleSeg's does not).
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...registry import CONTEXTS
from ..base import ContextUnit, pixels


@CONTEXTS.register
class GCNet(ContextUnit):
    """Global context block, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        ratio: width of the bottleneck as a share of C; the paper and PaddleSeg take 1/4 in segmentation.
        zero_init: start as the identity.
    """

    def __init__(self, *, in_channels: int, ratio: float = 0.25, zero_init: bool = True) -> None:
        super().__init__(in_channels)
        self.starts_as_identity = zero_init
        inner = max(int(in_channels * ratio), 1)
        zero = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0)) if zero_init else None
        self.mask = nn.Conv2D(in_channels, 1, 1, bias_attr=False)
        self.squeeze = nn.Conv2D(in_channels, inner, 1)  # W1
        self.norm = nn.LayerNorm([inner, 1, 1])
        self.excite = nn.Conv2D(inner, in_channels, 1, weight_attr=zero)  # W2

    def attention(self, x: Tensor) -> Tensor:
        """The map ``[N, 1, L]`` that all pixels share; sums to 1."""
        return F.softmax(pixels(self.mask(x)), axis=-1)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        context = paddle.matmul(pixels(x), self.attention(x), transpose_y=True).unsqueeze(-1)  # [N, C, 1, 1]
        return x + self.excite(F.relu(self.norm(self.squeeze(context)))), {}

    def macs(self, height: int, width: int) -> int:
        return self.in_channels * height * width
