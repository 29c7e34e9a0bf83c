"""ANN: Asymmetric Non-local Neural Networks (Zhu et al., ICCV 2019, arXiv:1908.07678), the pyramid block APNB.

A non-local block whose keys and values are sampled by pyramid pooling, so that L
pixels attend to 1 + 9 + 36 + 64 = 110 bins instead of L:

    y_i = W sum_b softmax_b(theta(x_i) . pool(theta(x))_b / sqrt(D)) pool(g(x))_b
    out = ConvBNReLU([y, x])

theta (shared by query and key): 1x1 ConvBNReLU C -> D; g: 1x1 C -> D; W: 1x1 D -> C.
Pooling is written as two matrix products an axis (exact for bins that do not divide
the size). The paper's fusion block AFNB, which attends from a deep map to a shallow
one, needs two stages and is not part of the unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import Tensor, nn

from ...layers import ConvBNAct
from ...layers.pyramid import adaptive_avg_pool
from ...registry import CONTEXTS
from ..base import ContextUnit, pixels, to_map
from .attend import attend


@CONTEXTS.register(small={"bins": [1, 3]})
class ANN(ContextUnit):
    """Asymmetric pyramid non-local block, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        key_channels: D; half of C unless told.
        bins: sides of the pooled grids.
        dropout: behind the fusion.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int | None = None,
        bins: Sequence[int] = (1, 3, 6, 8),
        dropout: float = 0.05,
    ) -> None:
        super().__init__(in_channels)
        self.key_channels, self.bins = key_channels or max(in_channels // 2, 1), tuple(bins)
        self.theta = ConvBNAct(in_channels, self.key_channels, 1, bias=True)
        self.g = nn.Conv2D(in_channels, self.key_channels, 1)
        self.extend = nn.Conv2D(self.key_channels, in_channels, 1)  # W
        self.fuse = ConvBNAct(2 * in_channels, in_channels, 1, bias=True)
        self.dropout = nn.Dropout(dropout)

    def sample(self, x: Tensor) -> Tensor:
        """``[N, D, H, W] -> [N, D, B]``, the B bins of all grids."""
        return paddle.concat([pixels(adaptive_avg_pool(x, side)) for side in self.bins], axis=-1)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        query = self.theta(x)
        y = attend(pixels(query), self.sample(query), self.sample(self.g(x)), scale=self.key_channels**-0.5)
        return self.dropout(self.fuse(paddle.concat([self.extend(to_map(y, x)), x], axis=1))), {}

    def macs(self, height: int, width: int) -> int:
        return 2 * self.key_channels * height * width * sum(side**2 for side in self.bins)
