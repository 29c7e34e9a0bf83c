"""VGG16: Very Deep Convolutional Networks for Large-Scale Image Recognition.

Simonyan, Zisserman, ICLR 2015, arXiv:1409.1556, configuration D.

Five blocks of 3x3 convolutions with ReLU, each ended by max-pooling; a stage is
a block with its pooling:

    block         1: 64 x2    2: 128 x2   3: 256 x3   4: 512 x3   5: 512 x3
    classify      2x2/2       2x2/2       2x2/2       2x2/2       2x2/2
    fcn           as classify, rounded up; 100 pixels of zeros around the image
    fcn_same      as classify, rounded up
    deeplab       3x3/2       3x3/2       3x3/2       3x3/1       3x3/1, convolutions dilated by 2

``fcn`` and ``deeplab`` are the Caffe prototxts of FCN (voc-fcn32s) and DeepLab
(vgg16_20M_largefov). The convolutions keep their bias in VGG16BN too, as
torchvision's do.
"""

from __future__ import annotations

from dataclasses import dataclass

from paddle import Tensor, nn

from ..errors import ConfigError, nearest
from ..layers import ConvBNAct
from ..registry import BACKBONES
from .base import Backbone

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


@dataclass(frozen=True)
class Layout:
    """Where one published use of VGG16 pads, pools and dilates."""

    first_padding: int = 1
    pool_kernel: int = 2
    pool_strides: tuple = (2, 2, 2, 2, 2)
    ceil: bool = False
    last_dilation: int = 1


LAYOUTS = {
    "classify": Layout(),
    "fcn": Layout(first_padding=100, ceil=True),
    "fcn_same": Layout(ceil=True),
    "deeplab": Layout(pool_kernel=3, pool_strides=(2, 2, 2, 1, 1), last_dilation=2),
}


@BACKBONES.register(small={"width": 1 / 16})
class VGG16(Backbone):
    """The 13 convolutions of VGG16.

    Args:
        in_channels: channels of the image.
        width: multiplies every width (64..512).
        layout: a row of the table above.
        conv_bias: bias on convolutions that a BN follows (VGG16BN).
    """

    batch_norm = False

    def __init__(
        self, *, in_channels: int = 3, width: float = 1.0, layout: str = "classify", conv_bias: bool = True
    ) -> None:
        super().__init__()
        if layout not in LAYOUTS:
            raise ConfigError(f"VGG16 layout '{layout}' is unknown; {', '.join(LAYOUTS)}.{nearest(layout, LAYOUTS)}")
        self.layout = LAYOUTS[layout]
        self.out_channels = [scale_width(channels, width) for channels, _ in BLOCKS]
        self.strides, stages, stride = [], [], 1
        for index, (channels, (_, count)) in enumerate(zip(self.out_channels, BLOCKS)):
            convs = []
            for i in range(count):
                padding = self.layout.first_padding if index == i == 0 else None
                dilation = self.layout.last_dilation if index == 4 else 1
                convs.append(self._conv(in_channels, channels, padding, dilation, conv_bias))
                in_channels = channels
            stages.append(nn.Sequential(*convs, self.pool(index)))
            stride *= self.layout.pool_strides[index]
            self.strides.append(stride)
        self.stages = nn.LayerList(stages)

    def _conv(self, in_channels: int, out_channels: int, padding: int | None, dilation: int, bias: bool) -> nn.Layer:
        if self.batch_norm:
            return ConvBNAct(in_channels, out_channels, 3, padding=padding, dilation=dilation, bias=bias)
        return ConvReLU(in_channels, out_channels, padding=padding, dilation=dilation)

    def pool(self, index: int) -> nn.Layer:
        """The pooling that ends stage ``index``."""
        kernel, stride = self.layout.pool_kernel, self.layout.pool_strides[index]
        return nn.MaxPool2D(kernel, stride, padding=(kernel - 1) // 2, ceil_mode=self.layout.ceil)


@BACKBONES.register(small={"width": 1 / 16})
class VGG16BN(VGG16):
    """VGG16 with BN before every ReLU."""

    batch_norm = True


class ConvReLU(nn.Layer):
    """3x3 convolution with bias and ReLU; He-initialised (Paddle's default)."""

    def __init__(self, in_channels: int, out_channels: int, *, padding: int | None = None, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation if padding is None else padding
        self.conv = nn.Conv2D(in_channels, out_channels, 3, padding=padding, dilation=dilation)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


def scale_width(channels: int, width: float) -> int:
    """``channels * width``, rounded, at least 1."""
    return max(1, round(channels * width))
