"""Pyramid pooling and ASPP as context units: the multi-scale comparisons next to a graph unit."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import Tensor

from .. import layers
from ..registry import CONTEXTS
from .base import ContextUnit


@CONTEXTS.register(name="PPM")
class PPMUnit(ContextUnit):
    """Pyramid pooling (PSPNet, arXiv:1612.01105) and a projection, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        bins: sides of the pooled grids.
        branch_channels: width of each branch; C / len(bins) unless told.
        kernel_size: of the projection 2C -> C; 3 in PSPNet's head.

    Raises:
        ValueError: in train mode with one image: the branch of bin 1 has one value per channel.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        bins: Sequence[int] = (1, 2, 3, 6),
        branch_channels: int | None = None,
        kernel_size: int = 1,
    ) -> None:
        super().__init__(in_channels)
        branch_channels = branch_channels or max(in_channels // len(bins), 1)
        self.pyramid = layers.PyramidPooling(in_channels, bins=tuple(bins), branch_channels=branch_channels)
        self.project = layers.conv_bn_relu(self.pyramid.out_channels, in_channels, kernel_size)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.project(self.pyramid(x)), {}

    def macs(self, height: int, width: int) -> int:
        # Pooling is two products with bin matrices per branch, bin 1 apart.
        return sum(self.in_channels * b * width * (height + b) for b in self.pyramid.bins if b > 1)


@CONTEXTS.register(name="ASPP", small={"rates": [2, 4]})
class ASPPUnit(ContextUnit):
    """Atrous spatial pyramid pooling (DeepLab V3, arXiv:1706.05587), ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        rates: dilations in pixels of the feature map; (6, 12, 18) at output stride 16.
        image_pool, image_pool_norm, separable: as in :class:`paddleseg_lite.layers.ASPP`.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        rates: Sequence[int] = (6, 12, 18),
        image_pool: bool = True,
        image_pool_norm: bool = True,
        separable: bool = False,
    ) -> None:
        super().__init__(in_channels)
        self.aspp = layers.ASPP(
            in_channels,
            rates=tuple(rates),
            out_channels=in_channels,
            image_pool=image_pool,
            image_pool_norm=image_pool_norm,
            separable=separable,
        )
        self.sees_whole_map = image_pool

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.aspp(x), {}
