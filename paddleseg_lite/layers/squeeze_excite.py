"""Squeeze-and-excitation gate (Hu et al., CVPR 2018, arXiv:1709.01507)."""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn

from .functional import relu, spatial_mean


class SqueezeExcite(nn.Layer):
    """``x * sigmoid(W2 ReLU(W1 mean(x)))``, one factor a channel; ``[N, C, H, W]`` to the same shape."""

    sees_whole_map = True

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        width = max(8, channels // reduction)  # fewer hidden units than that die together
        self.squeeze = nn.Conv2D(channels, width, 1)
        self.excite = nn.Conv2D(width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.sigmoid(self.excite(relu(self.squeeze(spatial_mean(x)))))
