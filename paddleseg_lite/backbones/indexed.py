"""Encoders that remember where each maximum was pooled from (SegNet, ENet)."""

from __future__ import annotations

from typing import NamedTuple

import paddle.nn.functional as F
from paddle import Tensor, nn

from ..layers import max_pool_2x2, max_unpool_2x2
from .base import AfterStage, Backbone, FeatureMaps

LOWEST = -3.0e38  # never the maximum of a window


class Place(NamedTuple):
    """Where 2x2 max-pooling took its values from."""

    indices: Tensor  # [N, C, h, w], flat over H * W
    size: tuple[int, int]  # (H, W) before pooling

    def restore(self, x: Tensor) -> Tensor:
        """Max-unpooling: ``x [N, C, h, w] -> [N, C, H, W]``, zeros where nothing was taken."""
        return max_unpool_2x2(x, self.indices, self.size)


class IndexedMaxPool(nn.Layer):
    """2x2 max-pooling of stride 2: ``[N, C, H, W] -> ([N, C, h, w], Place)``."""

    def __init__(self, *, ceil_mode: bool = False) -> None:
        super().__init__()
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> tuple[Tensor, Place]:
        height, width = x.shape[2:]
        y, indices = max_pool_2x2(x, ceil_mode=self.ceil_mode)
        if self.ceil_mode and y.shape[2] * y.shape[3] < ((height + 1) // 2) * ((width + 1) // 2):
            y, indices = round_up(x)  # Paddle 2.6 forgets ceil_mode where it returns indices
        return y, Place(indices, (height, width))


def round_up(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pooling that rounds up, by a row and a column that never win."""
    height, width = x.shape[2:]
    wide = width + width % 2
    y, indices = max_pool_2x2(F.pad(x, [0, width % 2, 0, height % 2], value=LOWEST))
    return y, indices // wide * width + indices % wide


class IndexedBackbone(Backbone):
    """A backbone whose stages return ``(map, Place)``, or ``(map, None)`` where they do not pool."""

    def forward(self, x: Tensor, after_stage: AfterStage | None = None) -> FeatureMaps:
        features: list[Tensor] = []
        places: list[Place | None] = []
        for index, stage in enumerate(self.stages):
            x, place = stage(x)
            if after_stage is not None:
                x = after_stage(index, x)
            features.append(x)
            places.append(place)
        return FeatureMaps(features, places=places)

    def blocks_to_recompute(self) -> list[nn.Layer]:
        """None: where a stage pooled is needed once more, and must not be computed twice."""
        return []
