"""Non-local Neural Networks (Wang et al., CVPR 2018, arXiv:1711.07971), embedded Gaussian form.

    y_i = sum_j softmax_j(theta_i . phi_j) g_j,    out = x + BN(W y)

theta, phi, g: 1x1 C -> C/2 with bias; W: 1x1 C/2 -> C; the BN starts at zero, so
the block starts as the identity. Dense attention: cost and memory grow with L^2
(L = H W), where a unit with V nodes pays L V. ``pool`` takes phi and g after
2 x 2 max-pooling, which divides both by four.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..layers import BatchNorm, add
from ..registry import CONTEXTS
from .base import ContextUnit, pixels, to_map


@CONTEXTS.register
class NonLocal(ContextUnit):
    """Non-local block, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        inner_channels: width of theta, phi, g; C / 2 unless told.
        pool: 2 x 2 max-pooling before phi and g.
        zero_init: start as the identity.
    """

    def __init__(
        self, *, in_channels: int, inner_channels: int | None = None, pool: bool = False, zero_init: bool = True
    ) -> None:
        super().__init__(in_channels)
        self.starts_as_identity = zero_init
        self.inner = inner = inner_channels or max(in_channels // 2, 1)
        self.theta = nn.Conv2D(in_channels, inner, 1)
        self.phi = nn.Conv2D(in_channels, inner, 1)
        self.g = nn.Conv2D(in_channels, inner, 1)
        self.pool = nn.MaxPool2D(2, 2, ceil_mode=True) if pool else None
        self.extend = nn.Conv2D(inner, in_channels, 1, bias_attr=False)  # W
        gamma = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0 if zero_init else 1.0))
        self.norm = BatchNorm(in_channels, weight_attr=gamma)

    def attention(self, x: Tensor) -> Tensor:
        """Weights ``[N, L, L']``; row i sums to 1 over the pixels it looks at."""
        source = x if self.pool is None else self.pool(x)
        return F.softmax(paddle.matmul(pixels(self.theta(x)), pixels(self.phi(source)), transpose_x=True), axis=-1)

    def attend(self, x: Tensor, attention: Tensor) -> Tensor:
        """The output under given weights ``[N, L, L']``."""
        source = x if self.pool is None else self.pool(x)
        y = paddle.matmul(pixels(self.g(source)), attention, transpose_y=True)  # [N, C/2, L]
        return add(x, self.norm(self.extend(to_map(y, x))))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.attend(x, self.attention(x)), {}

    def macs(self, height: int, width: int) -> int:
        sources = height * width if self.pool is None else -(-height // 2) * -(-width // 2)
        return 2 * self.inner * height * width * sources
