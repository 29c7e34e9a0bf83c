"""FCN on a dilated ResNet, as torchvision or PaddleSeg builds it.

Long, Shelhamer, Darrell, CVPR 2015, arXiv:1411.4038, with the backbone of
Yu, Koltun, Funkhouser, CVPR 2017, arXiv:1705.09914.

    backbone    stage 3: C3 x H/8 x W/8      stage 4: C4 x H/8 x W/8      (1024 and 2048 for ResNet-50)
    head        3x3 C4 -> C4/4, BN, ReLU, dropout 0.1, 1x1 -> K, bilinear x8
    aux         the same on stage 3, in training

There is no skip fusion and no deconvolution: dilation keeps the resolution that
the VGG networks of :mod:`.fcn` recover with them. ``style="paddleseg"``: vd ResNet,
head 1x1 C4 -> C4 with bias, no dropout; the first unit of a dilated stage has
the stage's own dilation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paddle import Tensor

from ..backbones.base import Backbone
from ..layers import FCNHead
from ..registry import MODELS, Spec
from .base import Segmentor
from .styles import pick


@dataclass(frozen=True)
class Style:
    """What tells the published FCNs on ResNets apart."""

    backbone: str
    first_block_dilation: str
    full_width: bool  # a head as wide as the deep map; else a quarter of it
    head_kernel: int
    head_bias: bool
    dropout: float


STYLES = {
    "torchvision": Style("ResNet50", "previous", full_width=False, head_kernel=3, head_bias=False, dropout=0.1),
    "paddleseg": Style("ResNet50_vd", "same", full_width=True, head_kernel=1, head_bias=True, dropout=0.0),
}


@MODELS.register(small={"backbone": {"type": "ResNet18", "width": 0.125}, "aux": True})
class FCN(Segmentor):
    """FCN for K classes.

    Args:
        style: ``"torchvision"`` (the first unit of a dilated stage keeps the previous
            stage's dilation) or ``"paddleseg"``.
        backbone: ResNet at output stride 8 unless it says otherwise.
        head_channels: width of the head; by default a quarter of the deep map's
            channels (torchvision), or all (PaddleSeg).
        aux: an auxiliary head on stage 3.
        dropout: in both heads; the style's unless given.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec | None = None,
        in_channels: int = 3,
        style: str = "torchvision",
        head_channels: int | None = None,
        aux: bool = False,
        dropout: float | None = None,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        s = pick(STYLES, style, owner="FCN", dropout=dropout)
        self.build_encoder(
            backbone or s.backbone, context, output_stride=8, first_block_dilation=s.first_block_dilation
        )
        self.head = FCNHead(
            self.deep_channels,
            num_classes,
            width=head_channels or (self.deep_channels if s.full_width else None),
            kernel_size=s.head_kernel,
            bias=s.head_bias,
            dropout=s.dropout,
        )
        self.aux_head = FCNHead(self.backbone.out_channels[-2], num_classes, dropout=s.dropout) if aux else None

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        outputs = {"out": self.head(features[-1])}
        if self.training and self.aux_head is not None:
            outputs["aux"] = self.aux_head(features[-2])
        return outputs
