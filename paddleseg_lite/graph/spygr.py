"""SpyGR: Spatial Pyramid Based Graph Reasoning for Semantic Segmentation (Li et al., CVPR 2020, arXiv:2003.10211).

Pixels are the nodes of a graph whose edges follow from the data, and reasoning is
one step with its Laplacian, never written out (L = H W pixels, M << L):

    A = phi(X) diag(rho(X)) phi(X)^T,   D = diag(A 1)        [L, L], of rank M
    Y = ReLU((I - D^-1/2 A D^-1/2) X Theta)                  costs 2 L M (C + 1), not L^2 C

phi: 1x1 C -> M and ReLU; rho: mean over the picture, 1x1 C -> M; Theta: 1x1 C -> C.
The same is done on the map at 1/2 and 1/4 of the side (max-pooling), and the results
are added from coarse to fine.

Deviations, told from the paper's text without the authors' code: rho ends in a
sigmoid, so that no degree is negative, and a degree below 1e-6 counts as 1e-6.
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..errors import ConfigError
from ..layers import resize
from ..registry import CONTEXTS
from .base import ContextUnit, pixels, to_map

_LEAST_DEGREE = 1e-6


class LaplacianStep(nn.Layer):
    """``ReLU((I - D^-1/2 A D^-1/2) X Theta)``, ``[N, C, H, W] -> [N, C, H, W]``."""

    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.phi = nn.Conv2D(channels, rank, 1)
        self.rho = nn.Conv2D(channels, rank, 1)
        self.theta = nn.Conv2D(channels, channels, 1, bias_attr=False)

    def forward(self, x: Tensor) -> Tensor:
        features = pixels(F.relu(self.phi(x)))  # [N, M, L]
        weight = F.sigmoid(self.rho(x.mean([2, 3], keepdim=True))).squeeze(-1)  # [N, M, 1]
        mass = weight * features.sum(-1, keepdim=True)  # diag(rho) phi^T 1
        degree = paddle.matmul(features, mass, transpose_x=True).transpose([0, 2, 1])  # [N, 1, L]
        scaled = features / degree.clip(min=_LEAST_DEGREE).sqrt()
        gathered = paddle.matmul(pixels(x), scaled, transpose_y=True) * weight.transpose([0, 2, 1])  # [N, C, M]
        smoothed = paddle.matmul(gathered, scaled)  # [N, C, L]
        return F.relu(self.theta(x - to_map(smoothed, x)))


@CONTEXTS.register(small={"rank": 4})
class SpyGR(ContextUnit):
    """Pyramid of graph reasoning steps, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        rank: M; the paper takes 64.
        levels: sizes of the map, each half the side of the one before.

    Raises:
        ConfigError: levels below 1.
    """

    def __init__(self, *, in_channels: int, rank: int = 64, levels: int = 3) -> None:
        super().__init__(in_channels)
        if levels < 1:
            raise ConfigError(f"SpyGR: levels must be at least 1, got {levels}.")
        self.rank = rank
        self.steps = nn.LayerList([LaplacianStep(in_channels, rank) for _ in range(levels)])
        self.pool = nn.MaxPool2D(2, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        maps = [x]
        for _ in range(len(self.steps) - 1):
            maps.append(self.pool(maps[-1]))
        results = [step(level) for step, level in zip(self.steps, maps)]
        y = results.pop()
        while results:
            finer = results.pop()
            y = finer + resize(y, finer.shape[2:])
        return y, {}

    def macs(self, height: int, width: int) -> int:
        total = 0
        for _ in self.steps:
            total += 2 * self.rank * (self.in_channels + 1) * height * width
            height, width = -(-height // 2), -(-width // 2)
        return total
