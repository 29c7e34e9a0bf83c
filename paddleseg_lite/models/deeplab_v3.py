"""DeepLab V3: Rethinking Atrous Convolution for Semantic Image Segmentation.

Chen, Papandreou, Schroff, Adam, arXiv:1706.05587.

    backbone    ResNet, output stride 16 or 8, multi-grid (1, 2, 4) in block 4      (section 3.2.1)
    ASPP        1x1 | 3x3 at rates 6, 12, 18 (doubled at stride 8) | image pooling, each 256, BN, ReLU;
                concatenate 1280, 1x1 -> 256, BN, ReLU                              (section 3.3)
    classifier  1x1 -> K, bilinear to the image

``cascade=1..3`` is the paper's other model (section 3.2): blocks 5 to 7 repeat
block 4 with doubled rates and multi-grid (1, 2, 1), then 1x1 -> K, no ASPP. With
``backbone: {output_stride: 256}`` they stride instead ("going deeper with striding").

What published code does differently is a ``style``:

                 paper      torchvision   paddleseg     course
    stride       16         8             8 (vd)        8
    multi-grid   1, 2, 4    -             1, 2, 4       1, 2, 4 on base rates 1, 1, 2, 4 (blocks 4 to 7)
    cascade      0          0             0             3 and ASPP, 1x1 projections between blocks
    3x3 in head  no         yes           no            yes
    conv bias    no         no            ASPP          ASPP and head
    dropout      0.1 (ours) 0.5           0.1           0.1

and ``article``, the course's PyTorch text on multi-grid, at its output stride 8: base rates 1, 1, 2, 2 for
blocks 1 to 4, multi-grid 1, 2, 1, ASPP at 12, 24, 36, no bias on the logits, align_corners, ResNet-101. (At
stride 16 the article is the paper's network, :func:`deeplab_v3_article`.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..errors import ConfigError
from ..layers import ASPP, ConvBNAct, FCNHead
from ..registry import MODELS, Spec
from .base import Segmentor
from .styles import pick


@dataclass(frozen=True)
class Style:
    """What tells the published DeepLab V3 networks apart."""

    backbone: str = "ResNet50"
    output_stride: int = 16
    multi_grid: tuple = (1, 2, 4)
    first_block_dilation: str = "same"
    dilations: tuple | None = None
    cascade: int = 0
    cascade_projection: bool = False
    aspp: bool | None = None  # None: unless there is a cascade
    conv_bias: bool = False
    image_pool_bias: bool = False
    extra_conv: bool = False
    extra_conv_bias: bool = False
    dropout: float = 0.1
    classifier_bias: bool = True
    align_corners: bool = False


STYLES: dict[str, Style] = {
    "paper": Style(),
    "torchvision": Style(
        output_stride=8, multi_grid=(1, 1, 1), first_block_dilation="previous", extra_conv=True, dropout=0.5
    ),
    "paddleseg": Style(backbone="ResNet50_vd", output_stride=8, conv_bias=True),
    "course": Style(
        output_stride=8,
        dilations=(1, 1, 2, 1, 1, 2, 4),
        cascade=3,
        cascade_projection=True,
        conv_bias=True,
        image_pool_bias=True,
        aspp=True,
        extra_conv=True,
        extra_conv_bias=True,
        align_corners=True,
    ),
    "article": Style(
        backbone="ResNet101",
        output_stride=8,
        multi_grid=(1, 2, 1),
        dilations=(1, 1, 2, 2),
        classifier_bias=False,
        align_corners=True,
        dropout=0.0,
    ),
}
CASCADE_GRID = (1, 2, 1)


@MODELS.register(small={"backbone": {"type": "ResNet34", "width": 0.125}, "aspp_channels": 8, "aux": True})
class DeepLabV3(Segmentor):
    """DeepLab V3 for K classes.

    Args:
        style: one of the table above; the arguments below default to the style's.
        backbone: any; a ResNet gets stride and multi-grid of the style unless it says otherwise.
        cascade: how many of blocks 5 to 7 follow block 4 (ResNet only).
        aspp: whether there is ASPP; by default unless there is a cascade.
        aspp_rates: (6, 12, 18) at output stride 16, in proportion at others.
        aspp_channels: width of the ASPP branches and of the head.
        image_pool_norm: BN in the image-level branch (needs two images in training).
        extra_conv: a 3x3 convolution before the classifier.
        classifier_bias: bias on the logits; the article has none.
        dropout: after the ASPP projection.
        aux: an auxiliary head on stage 3 (torchvision).
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec | None = None,
        in_channels: int = 3,
        style: str = "paper",
        cascade: int | None = None,
        aspp: bool | None = None,
        aspp_rates: Sequence[int] | None = None,
        aspp_channels: int = 256,
        image_pool_norm: bool = True,
        extra_conv: bool | None = None,
        classifier_bias: bool | None = None,
        dropout: float | None = None,
        aux: bool = False,
        align_corners: bool | None = None,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        s = pick(
            STYLES,
            style,
            owner="DeepLabV3",
            cascade=cascade,
            aspp=aspp,
            extra_conv=extra_conv,
            classifier_bias=classifier_bias,
            dropout=dropout,
            align_corners=align_corners,
        )
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=s.align_corners, pretrained=pretrained
        )
        has_aspp = not s.cascade if s.aspp is None else s.aspp
        self.build_encoder(
            backbone or s.backbone,
            context,
            output_stride=s.output_stride,
            multi_grid=s.multi_grid if has_aspp else CASCADE_GRID,
            first_block_dilation=s.first_block_dilation,
            cascade=s.cascade,
            cascade_projection=s.cascade_projection,
            dilations=s.dilations,
        )
        channels = self.deep_channels
        self.aspp: nn.Layer = nn.Identity()
        self.head: nn.Layer = nn.Sequential()
        if has_aspp:
            self.aspp = ASPP(
                channels,
                rates=aspp_rates or scaled_rates(self.backbone.strides[-1]),
                out_channels=aspp_channels,
                image_pool_norm=image_pool_norm,
                conv_bias=s.conv_bias,
                image_pool_bias=s.image_pool_bias,
                dropout=s.dropout,
                align_corners=s.align_corners,
            )
            channels = aspp_channels
        if s.extra_conv:
            self.head = nn.Sequential(ConvBNAct(channels, aspp_channels, 3, bias=s.extra_conv_bias))
            channels = aspp_channels
        self.classifier = nn.Conv2D(channels, num_classes, 1, bias_attr=None if s.classifier_bias else False)
        self.cascade = s.cascade
        self.aux_stage = len(self.backbone.out_channels) - 2 - s.cascade
        self.aux_head = FCNHead(self.backbone.out_channels[self.aux_stage], num_classes) if aux else None

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        outputs = {"out": self.classifier(self.head(self.aspp(features[-1])))}
        if self.training and self.aux_head is not None:
            outputs["aux"] = self.aux_head(features[self.aux_stage])
        return outputs

    def pretrained_part(self) -> nn.Layer:
        return self.backbone.imagenet_part() if self.cascade else self.backbone


def scaled_rates(output_stride: int) -> tuple[int, ...]:
    """ASPP rates that look as far into the image as (6, 12, 18) do at output stride 16."""
    return tuple(max(1, rate * 16 // output_stride) for rate in (6, 12, 18))


@MODELS.register(small={"backbone": {"type": "ResNet34", "width": 0.125}})
def course_deeplab(
    *,
    num_classes: int = 59,
    backbone: Backbone | Spec = "ResNet50",
    in_channels: int = 3,
    align_corners: bool = True,
    context: Spec | None = None,
    pretrained: str | None = None,
) -> DeepLabV3:
    """The course's hybrid: blocks 5 to 7 *and* ASPP at rates 12, 24, 36, for the 59 classes of PASCAL-Context.

    ``align_corners`` is True in the course's notes.
    """
    return DeepLabV3(
        num_classes=num_classes,
        backbone=backbone,
        in_channels=in_channels,
        style="course",
        align_corners=align_corners,
        context=context,
        pretrained=pretrained,
    )


@MODELS.register(small={"backbone": {"type": "ResNet18", "width": 0.125}})
def deeplab_v3_article(
    *,
    num_classes: int,
    output_stride: int = 8,
    backbone: Backbone | Spec = "ResNet101",
    in_channels: int = 3,
    align_corners: bool = True,
    context: Spec | None = None,
    pretrained: str | None = None,
) -> DeepLabV3:
    """The DeepLab V3 of the course's article on multi-grid, at either of its output strides.

        output_stride     8              16
        base rates        1, 1, 2, 2     1, 1, 1, 2     of blocks 1 to 4; the paper has 1, 1, 2, 4 at stride 8
        multi-grid        1, 2, 1        1, 2, 4        the paper has 1, 2, 4 at both
        ASPP              12, 24, 36     6, 12, 18

    A rate holds for every unit of its block; the ResNet that the article imports loses it after the first.

    Raises:
        ConfigError: another output stride.
    """
    if output_stride not in (8, 16):
        raise ConfigError(f"deeplab_v3_article has output_stride 8 or 16, not {output_stride}.")
    spec = {"type": backbone} if isinstance(backbone, str) else backbone
    if output_stride == 16 and isinstance(spec, Mapping):
        spec = {"output_stride": 16, "multi_grid": (1, 2, 4), "dilations": (1, 1, 1, 2), **spec}
    return DeepLabV3(
        num_classes=num_classes,
        backbone=spec,
        in_channels=in_channels,
        style="article",
        align_corners=align_corners,
        context=context,
        pretrained=pretrained,
    )
