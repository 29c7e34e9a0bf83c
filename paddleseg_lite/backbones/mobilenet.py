"""MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications.

Howard et al., arXiv:1704.04861, table 1.

    conv 3x3/2 32, then 13 blocks of [depthwise 3x3, BN, ReLU6, pointwise 1x1, BN, ReLU6]
    stage      1     2     3     4     5
    blocks     1     2-3   4-5   6-11  12-13
    channels   64    128   256   512   1024   (times alpha)
    stride     2     4     8     16    32     (``output_stride`` 16 or 8: dilated from there on, ours)
"""

from __future__ import annotations

from functools import partial

import paddle.nn.functional as F
from paddle import Tensor, nn

from ..errors import ConfigError
from ..layers import ConvBNAct, SeparableConv, kaiming_fan_out
from ..registry import BACKBONES
from .base import Backbone

STAGES = ((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2))  # channels, blocks


@BACKBONES.register(small={"alpha": 0.125})
class MobileNetV1(Backbone):
    """MobileNetV1; ``[N, in_channels, H, W]`` to five maps.

    Args:
        alpha: width multiplier (``width`` is another name for it).
        output_stride: 8, 16 or 32.
        tf_padding: pad strided convolutions by one at the bottom and right only, as
            Keras' weights expect, instead of by one on all sides.
        act: ``"relu6"`` (Keras, the course), or ``"relu"`` (``paddle.vision``'s weights).
        epsilon, momentum: of every batch normalisation (Keras: 1e-3, 0.99).
    """

    many_blocks = True

    def __init__(
        self,
        *,
        in_channels: int = 3,
        alpha: float = 1.0,
        width: float = 1.0,
        output_stride: int = 32,
        tf_padding: bool = False,
        act: str = "relu6",
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise ConfigError(f"MobileNetV1 output_stride {output_stride} is not possible; one of 8, 16, 32.")
        conv = partial(ConvBNAct, act=act, epsilon=epsilon, momentum=momentum)
        block = partial(SeparableConv, act=act, depthwise_act=act, epsilon=epsilon, momentum=momentum)
        scaled = lambda channels: max(1, int(channels * alpha * width))  # noqa: E731
        pad = PadBottomRight if tf_padding else nn.Identity
        padding = 0 if tf_padding else 1

        channels, stride, dilation = scaled(32), 2, 1
        self.stem = nn.Sequential(pad(), conv(in_channels, channels, 3, stride=2, padding=padding))
        stages, self.out_channels, self.strides = [], [], []
        for index, (width_out, count) in enumerate(STAGES):
            blocks: list[nn.Layer] = []
            for i in range(count):
                step, rate = (2 if i == 0 and index > 0 else 1), dilation
                if stride * step > output_stride:
                    # The first block still sees the undilated grid; those after it would have run at half of it.
                    step, dilation = 1, dilation * 2
                stride *= step
                if step == 2 and tf_padding:
                    blocks.append(PadBottomRight())
                inside = 0 if step == 2 and tf_padding else None
                blocks.append(block(channels, scaled(width_out), stride=step, dilation=rate, padding=inside))
                channels = scaled(width_out)
            stages.append(nn.Sequential(*blocks))
            self.out_channels.append(channels)
            self.strides.append(stride)
        self.stages = nn.LayerList(stages)
        kaiming_fan_out(self)


class PadBottomRight(nn.Layer):
    """One row of zeros below and one column to the right: TensorFlow's 'same' for stride 2 on even sizes."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, [0, 1, 0, 1])
