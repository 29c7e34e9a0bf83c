"""DNL: Disentangled Non-Local Neural Networks (Yin et al., ECCV 2020, arXiv:2006.06668).

The attention of a non-local block mixes how two pixels relate with how much one of
them stands out; here each has its own softmax:

    y_i = sum_j [softmax_j((q_i - mean q) . (k_j - mean k) / tau) + softmax_j(m x_j)] g_j
    out = x + BN(W y)

q, k, g: 1x1 C -> C/2; m: 1x1 C -> 1 (q, k, m without a bias, which would cancel);
W: 1x1 C/2 -> C. The last BN starts at zero, so the unit starts as the identity.

Deviation: PaddleSeg puts a ReLU behind that BN (``relu: true``), the authors do not.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...layers import BatchNorm
from ...registry import CONTEXTS
from ..base import ContextUnit, pixels, to_map
from .attend import attend


@CONTEXTS.register
class DNL(ContextUnit):
    """Disentangled non-local block, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        inner_channels: width of q, k, g; half of C unless told.
        temperature: tau; the paper takes 0.05.
        use_scale: also divide by the root of ``inner_channels``.
        relu: behind the last BN (PaddleSeg).
        zero_init: start as the identity.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        inner_channels: int | None = None,
        temperature: float = 0.05,
        use_scale: bool = False,
        relu: bool = False,
        zero_init: bool = True,
    ) -> None:
        super().__init__(in_channels)
        self.starts_as_identity = zero_init
        self.inner = inner = inner_channels or max(in_channels // 2, 1)
        self.scale = (inner**-0.5 if use_scale else 1.0) / temperature
        self.query = nn.Conv2D(in_channels, inner, 1, bias_attr=False)
        self.key = nn.Conv2D(in_channels, inner, 1, bias_attr=False)
        self.value = nn.Conv2D(in_channels, inner, 1)  # g
        self.mask = nn.Conv2D(in_channels, 1, 1, bias_attr=False)  # m
        self.extend = nn.Conv2D(inner, in_channels, 1, bias_attr=False)  # W
        gamma = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0 if zero_init else 1.0))
        self.norm = BatchNorm(in_channels, weight_attr=gamma)
        self.act = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        value = pixels(self.value(x))
        pairs = attend(_whitened(self.query(x)), _whitened(self.key(x)), value, scale=self.scale)
        alone = paddle.matmul(value, F.softmax(pixels(self.mask(x)), axis=-1), transpose_y=True)  # [N, C/2, 1]
        return x + self.act(self.norm(self.extend(to_map(pairs + alone, x)))), {}

    def macs(self, height: int, width: int) -> int:
        length = height * width
        return 2 * self.inner * length**2 + self.inner * length


def _whitened(x: Tensor) -> Tensor:
    """``[N, D, L]`` less its mean over the pixels."""
    flat = pixels(x)
    return flat - flat.mean(-1, keepdim=True)
