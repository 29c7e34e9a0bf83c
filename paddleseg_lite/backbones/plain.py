"""A plain stack of 3x3 convolutions with a small receptive field, for experiments about context.

    widths 24, 48, 48 with strides 2, 2, 1: maps at 1/2, 1/4, 1/4; receptive field 3, 7, 15

A ResNet's field covers the whole of a small picture and would find by itself
what a context unit is there to bring. With a 1x1 head and bilinear upsampling, a
logit of this one depends on pixels at most 12 away (:meth:`PlainCNN.reach`).
Source: none; made for the studies of this project.
"""

from __future__ import annotations

from collections.abc import Sequence

from paddle import nn

from ..errors import ConfigError
from ..layers import ConvBNAct
from ..registry import BACKBONES
from .base import Backbone


@BACKBONES.register(small={"widths": [4, 8, 8]})
class PlainCNN(Backbone):
    """3x3 convolution, BN, ReLU, one a stage; ``[N, in_channels, H, W]`` to one map per stage.

    Args:
        widths, strides: channels and stride of each stage.
    """

    def __init__(
        self, *, in_channels: int = 3, widths: Sequence[int] = (24, 48, 48), strides: Sequence[int] = (2, 2, 1)
    ) -> None:
        super().__init__()
        if len(widths) != len(strides) or not widths:
            raise ConfigError(f"PlainCNN needs as many strides as widths, got {list(widths)} and {list(strides)}.")
        channels, total = in_channels, 1
        stages, self.out_channels, self.strides = [], list(widths), []
        self.receptive_field = 1
        for width, stride in zip(widths, strides):
            stages.append(ConvBNAct(channels, width, 3, stride=stride))
            self.receptive_field += 2 * total
            channels, total = width, total * stride
            self.strides.append(total)
        self.stages = nn.LayerList(stages)

    def reach(self) -> int:
        """Pixels (Chebyshev) that a logit can see at most, under a 1x1 head and bilinear upsampling by the stride.

        Cell i of the last map is centred on pixel ``stride * i``; a pixel draws on
        the two cells around it, the farther of which lies up to
        ``(3 stride - 1) / 2`` pixels off.
        """
        stride = self.strides[-1]
        return self.receptive_field // 2 + ((3 * stride - 1) // 2 if stride > 1 else 0)
