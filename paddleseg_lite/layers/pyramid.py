"""Multi-scale context: pyramid pooling (PSPNet) and atrous spatial pyramid pooling (DeepLab V3).

Adaptive average pooling is written as two small matrix products, one per axis.
It is exact for bins that do not divide the size (and for more bins than
pixels), and converters to other runtimes reproduce it to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import paddle
from paddle import Tensor, nn

from ..errors import ConfigError
from .conv import ConvBNAct
from .fcn_head import make_dropout
from .functional import concat, spatial_mean
from .separable import SeparableConv
from .squeeze_excite import SqueezeExcite
from .upsample import resize


@lru_cache(maxsize=256)
def _bin_matrix(length: int, bins: int) -> np.ndarray:
    """``[bins, length]``: row i averages ``[floor(i L / n), ceil((i + 1) L / n))``."""
    matrix = np.zeros((bins, length), dtype="float32")
    for i in range(bins):
        start, stop = (i * length) // bins, -((-(i + 1) * length) // bins)
        matrix[i, start:stop] = 1.0 / (stop - start)
    return matrix


def adaptive_avg_pool(x: Tensor, bins: int) -> Tensor:
    """Average ``[N, C, H, W]`` into ``[N, C, bins, bins]``; equals ``F.adaptive_avg_pool2d``."""
    if bins == 1:
        return spatial_mean(x)
    rows, columns = _bins_along(x, 2, bins), _bins_along(x, 3, bins)  # [b, H], [b, W]
    return paddle.matmul(paddle.matmul(rows, x), columns, transpose_y=True)


def _bins_along(x: Tensor, axis: int, bins: int) -> Tensor:
    length = x.shape[axis]
    if isinstance(length, int) and length > 0:
        return paddle.to_tensor(_bin_matrix(length, bins), dtype=x.dtype)
    length = paddle.shape(x)[axis].astype("int64")  # left open in a static graph: the same bins, computed there
    i = paddle.arange(bins, dtype="int64").unsqueeze(1)
    position = paddle.arange(0, length, 1, dtype="int64").unsqueeze(0)
    start, stop = i * length // bins, ((i + 1) * length + bins - 1) // bins
    inside = paddle.logical_and(position >= start, position < stop).astype(x.dtype)
    return inside / inside.sum(1, keepdim=True)


class PyramidPooling(nn.Layer):
    """Pyramid pooling module (Zhao et al., PSPNet, arXiv:1612.01105, section 3.2).

    ``[N, C, H, W] -> [N, C + len(bins) * branch, H, W]``: pool to each bin,
    project, resize back, concatenate with the input.

    Args:
        in_channels: C.
        branch_channels: width of a projection; ``C // len(bins)`` unless told.
        bins: sides of the pooled grids.
        order: of the concatenation: ``"input_first"`` (x, then bins in order),
            ``"reversed"`` (x, then bins from last to first) or ``"input_last"``.
        norm_act: BN and ReLU after each projection (off in the progressive variant).
        conv_bias: bias on the projections (PaddleSeg).
        pool_type: ``"avg"`` (paper) or ``"max"``.
        se: a squeeze-and-excitation gate on each branch.
        align_corners, half_pixel: of the resize back, as in :func:`~paddleseg_lite.layers.resize`.
        epsilon, momentum: of the norms, Paddle's convention.
    """

    sees_whole_map = True

    def __init__(
        self,
        in_channels: int,
        *,
        branch_channels: int | None = None,
        bins: Sequence[int] = (1, 2, 3, 6),
        order: str = "input_first",
        norm_act: bool = True,
        conv_bias: bool = False,
        pool_type: str = "avg",
        se: bool = False,
        align_corners: bool = False,
        half_pixel: bool = True,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        if order not in ("input_first", "reversed", "input_last"):
            raise ConfigError(f"pyramid order '{order}' is unknown; one of input_first, reversed, input_last.")
        if pool_type not in ("avg", "max"):
            raise ConfigError(f"pool_type '{pool_type}' is unknown; 'avg' or 'max'.")
        branch_channels = branch_channels or in_channels // len(bins)
        self.branches = nn.LayerList(
            [
                ConvBNAct(in_channels, branch_channels, 1, bias=conv_bias, epsilon=epsilon, momentum=momentum)
                if norm_act
                else nn.Conv2D(in_channels, branch_channels, 1, bias_attr=None if conv_bias else False)
                for _ in bins
            ]
        )
        self.gates = nn.LayerList([SqueezeExcite(branch_channels) if se else nn.Identity() for _ in bins])
        self.bins, self.order = tuple(bins), order
        self.align_corners, self.half_pixel = align_corners, half_pixel
        self.pool = adaptive_avg_pool if pool_type == "avg" else nn.functional.adaptive_max_pool2d
        self.out_channels = in_channels + len(bins) * branch_channels

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        up = partial(resize, size=x.shape[2:], align_corners=self.align_corners, half_pixel=self.half_pixel)
        for bins, branch, gate in zip(self.bins, self.branches, self.gates):
            pooled = self.pool(x, bins)  # [N, C, bins, bins]
            maps.append(up(gate(branch(pooled))))
        if self.order == "input_last":
            return concat([*maps, x])
        return concat([x, *(maps if self.order == "input_first" else maps[::-1])])


class ASPP(nn.Layer):
    """Atrous spatial pyramid pooling with image pooling (Chen et al., DeepLab V3, arXiv:1706.05587, section 3.3).

    ``[N, C, H, W] -> [N, out_channels, H, W]``: a 1x1 branch, a 3x3 branch per
    rate, an image-level branch; concatenate; project by 1x1.

    Args:
        in_channels: C.
        rates: dilations, (6, 12, 18) at output stride 16, doubled at 8.
        out_channels: width of each branch and of the projection.
        image_pool: whether to have the image-level branch.
        image_pool_norm: BN in that branch (needs two images in train mode).
        separable: depthwise separable 3x3 branches (DeepLab V3+), with
            ``depthwise_act`` after the depthwise norm.
        conv_bias: bias on the convolutions before BN (PaddleSeg, the course), except
            the image-level branch's.
        image_pool_bias: bias on that one (the course).
        dropout: after the projection.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        rates: Sequence[int] = (6, 12, 18),
        out_channels: int = 256,
        image_pool: bool = True,
        image_pool_norm: bool = True,
        separable: bool = False,
        depthwise_act: str | None = None,
        conv_bias: bool = False,
        image_pool_bias: bool = False,
        dropout: float = 0.0,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners

        def dilated(rate: int) -> nn.Layer:
            if not separable:
                return ConvBNAct(in_channels, out_channels, 3, dilation=rate, bias=conv_bias)
            return SeparableConv(in_channels, out_channels, dilation=rate, depthwise_act=depthwise_act, bias=conv_bias)

        pointwise = ConvBNAct(in_channels, out_channels, 1, bias=conv_bias)
        self.branches = nn.LayerList([pointwise, *map(dilated, rates)])
        self.image_pool = None
        if image_pool:
            self.image_pool = (
                ConvBNAct(in_channels, out_channels, 1, bias=image_pool_bias)
                if image_pool_norm
                else nn.Sequential(nn.Conv2D(in_channels, out_channels, 1), nn.ReLU())
            )
        count = len(self.branches) + int(image_pool)
        self.project = ConvBNAct(count * out_channels, out_channels, 1, bias=conv_bias)
        self.dropout = make_dropout(dropout)
        self.sees_whole_map = image_pool
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        maps = [branch(x) for branch in self.branches]
        if self.image_pool is not None:
            pooled = self.image_pool(adaptive_avg_pool(x, 1))  # [N, out, 1, 1]
            maps.append(resize(pooled, x.shape[2:], align_corners=self.align_corners))
        return self.dropout(self.project(concat(maps)))
