"""DeepLab V3+: Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation.

Chen, Zhu, Papandreou, Schroff, Adam, ECCV 2018, arXiv:1802.02611.

    encoder     DeepLab V3 up to the ASPP projection: 256 x H/16 x W/16
    low level   stage 1 (256 x H/4 x W/4): 1x1 -> 48, BN, ReLU                      (table 1)
    decoder     encoder map bilinear to H/4, concatenate: 304; 3x3 -> 256 twice     (table 2)
    classifier  1x1 -> K, bilinear x4

``separable=True`` (default, and PaddleSeg's) makes every 3x3 of ASPP and decoder
depthwise separable, as the title has it; the paper's ResNet-101 rows (table 3)
are plain: ``separable=False``. After a depthwise norm the Xception code has a
ReLU (``depthwise_act="relu"``), PaddleSeg none (default).

``style="paddleseg"``: vd ResNet at stride 8, bias on every convolution before BN
except the image-level one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..layers import ASPP, ConvBNAct, FCNHead, SeparableConv, concat, resize
from ..registry import MODELS, Spec
from .base import Segmentor
from .deeplab_v3 import scaled_rates
from .styles import pick


@dataclass(frozen=True)
class Style:
    """What tells the published DeepLab V3+ networks apart."""

    backbone: str = "ResNet50"
    output_stride: int = 16
    conv_bias: bool = False


STYLES = {"paper": Style(), "paddleseg": Style(backbone="ResNet50_vd", output_stride=8, conv_bias=True)}


@MODELS.register(
    small={
        "backbone": {"type": "ResNet18", "width": 0.125},
        "aspp_channels": 8,
        "low_channels": 4,
        "decoder_channels": 8,
    }
)
class DeepLabV3P(Segmentor):
    """DeepLab V3+ for K classes.

    Args:
        style: ``"paper"`` or ``"paddleseg"``.
        backbone: any; a ResNet gets the style's stride and multi-grid (1, 2, 4) unless it says otherwise.
        aspp_rates: (6, 12, 18) at output stride 16, in proportion at others.
        aspp_channels, low_channels, decoder_channels: widths of ASPP, of the projected
            low-level map, of the decoder.
        separable, depthwise_act: kind of the 3x3 convolutions.
        image_pool_norm: BN in the image-level branch (needs two images in training).
        dropout: after the ASPP projection.
        aux: an auxiliary head on stage 3, in training (not the paper's; its worth is measured in docs/results/).
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec | None = None,
        in_channels: int = 3,
        style: str = "paper",
        aspp_rates: Sequence[int] | None = None,
        aspp_channels: int = 256,
        low_channels: int = 48,
        decoder_channels: int = 256,
        separable: bool = True,
        depthwise_act: str | None = None,
        image_pool_norm: bool = True,
        dropout: float = 0.1,
        aux: bool = False,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        s = pick(STYLES, style, owner="DeepLabV3P")
        self.build_encoder(backbone or s.backbone, context, output_stride=s.output_stride, multi_grid=(1, 2, 4))
        bias = s.conv_bias
        self.aspp = ASPP(
            self.deep_channels,
            rates=aspp_rates or scaled_rates(self.backbone.strides[-1]),
            out_channels=aspp_channels,
            image_pool_norm=image_pool_norm,
            separable=separable,
            depthwise_act=depthwise_act,
            conv_bias=bias,
            dropout=dropout,
            align_corners=align_corners,
        )
        self.low_stage = self.backbone.strides.index(4)
        self.low_level = ConvBNAct(self.backbone.out_channels[self.low_stage], low_channels, 1, bias=bias)
        joined = aspp_channels + low_channels
        conv = partial(SeparableConv, depthwise_act=depthwise_act) if separable else ConvBNAct
        self.decoder = nn.Sequential(*(conv(c, decoder_channels, 3, bias=bias) for c in (joined, decoder_channels)))
        self.classifier = nn.Conv2D(decoder_channels, num_classes, 1)
        self.aux_head = FCNHead(self.backbone.out_channels[-2], num_classes) if aux else None

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        low = self.low_level(features[self.low_stage])  # [N, 48, H/4, W/4]
        y = resize(self.aspp(features[-1]), low.shape[2:], align_corners=self.align_corners)
        y = self.decoder(concat([y, low]))
        outputs = {"out": self.classifier(y)}
        if self.training and self.aux_head is not None:
            outputs["aux"] = self.aux_head(features[-2])
        return outputs
