"""SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation.

Badrinarayanan, Kendall, Cipolla, PAMI 2017, arXiv:1511.00561.

The encoder is VGG16 with BN; each of its poolings remembers where the maxima
were. The decoder mirrors it: max-unpooling puts values back at those places, and
convolutions fill the gaps.

    stage       1       2       3       4       5
    encoder     64 x2   128 x2  256 x3  512 x3  512 x3   then 2x2 pooling, rounding up
    decoder     64, K   128, 64 256 x2, 512 x2, 512 x3   after unpooling
                                128     256

Each convolution is 3x3 with bias, BN, ReLU, as in the authors' prototxt
(segnet_train); the last one, 64 -> K, has neither BN nor ReLU.

Styles (``style=``): ``paper``; ``paddleseg``, with one more 128 -> 128
convolution in decoder stage 2 and pooling that rounds down.
"""

from __future__ import annotations

from dataclasses import dataclass

from paddle import Tensor, nn

from ..backbones.base import FeatureMaps
from ..backbones.indexed import IndexedBackbone, IndexedMaxPool
from ..backbones.vgg import BLOCKS, VGG16BN, scale_width
from ..layers import ConvBNAct
from ..registry import MODELS, Spec
from .base import Segmentor
from .styles import from_former_name, pick


@dataclass(frozen=True)
class Style:
    """What tells the published SegNets apart."""

    ceil_pool: bool = True
    stage2_convs: int = 2  # of the decoder


STYLES = {"paper": Style(), "paddleseg": Style(ceil_pool=False, stage2_convs=3)}


@MODELS.register(small={"width": 1 / 16})
class SegNet(Segmentor):
    """SegNet for K classes.

    Args:
        style: ``"paper"`` (the authors' prototxt) or ``"paddleseg"``.
        variant: the former name of ``style``.
        conv_bias: bias on the convolutions before BN, as in the prototxt.
        width: multiplies all widths.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        style: str = "paper",
        variant: str | None = None,
        conv_bias: bool = True,
        width: float = 1.0,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        s = pick(STYLES, from_former_name(style, variant, default="paper", owner="SegNet"), owner="SegNet")
        encoder = SegNetEncoder(in_channels=in_channels, width=width, conv_bias=conv_bias, ceil=s.ceil_pool)
        self.build_encoder(encoder, context)
        deep = self.backbone.out_channels[-1]
        # Unpooling needs the channels that were pooled; a context unit may have changed them.
        self.restore = nn.Identity() if self.deep_channels == deep else ConvBNAct(self.deep_channels, deep, 1)
        counts = [count for _, count in BLOCKS]
        counts[:2] = [1, s.stage2_convs]  # in stage 1 the classifier is the second
        stages, channels = [], deep
        for level in (4, 3, 2, 1, 0):
            below = scale_width(BLOCKS[max(level - 1, 0)][0], width)
            outs = [channels] * (counts[level] - 1) + [below]
            stages.append(nn.Sequential(*[ConvBNAct(i, o, 3, bias=conv_bias) for i, o in zip([channels, *outs], outs)]))
            channels = below
        self.decoder = nn.LayerList(stages)
        self.classifier = nn.Conv2D(channels, num_classes, 3, padding=1)

    def decode(self, features: FeatureMaps, x: Tensor) -> dict[str, Tensor]:
        y = self.restore(features[-1])
        for stage, place in zip(self.decoder, reversed(features.places)):
            y = stage(place.restore(y))
        return {"out": self.classifier(y)}


class SegNetEncoder(IndexedBackbone, VGG16BN):
    """VGG16BN whose stages end in indexed pooling; loads VGG16BN's weights."""

    def __init__(self, *, in_channels: int, width: float, conv_bias: bool, ceil: bool) -> None:
        super().__init__(
            in_channels=in_channels, width=width, layout="fcn_same" if ceil else "classify", conv_bias=conv_bias
        )

    def pool(self, index: int) -> nn.Layer:
        return IndexedMaxPool(ceil_mode=self.layout.ceil)
