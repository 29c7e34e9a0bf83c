"""FCN on a dilated ResNet, as torchvision builds it.

Long, Shelhamer, Darrell, CVPR 2015, arXiv:1411.4038, with the backbone of
Yu, Koltun, Funkhouser, CVPR 2017, arXiv:1705.09914.

    backbone    stage 3: C3 x H/8 x W/8      stage 4: C4 x H/8 x W/8      (1024 and 2048 for ResNet-50)
    head        3x3 C4 -> C4/4, BN, ReLU, dropout 0.1, 1x1 -> K, bilinear x8
    aux         the same on stage 3, in training

There is no skip fusion and no deconvolution: dilation keeps the resolution that
the VGG networks of :mod:`.fcn` recover with them.
"""

from __future__ import annotations

from ..layers import FCNHead
from ..registry import MODELS
from .base import Segmentor


@MODELS.register
class FCN(Segmentor):
    """FCN with torchvision's head.

    Args:
        backbone: ResNet at output stride 8; as torchvision has it, the first unit of
            a dilated stage keeps the previous stage's dilation.
        head_channels: width of the head; a quarter of the deep map's channels.
        aux: an auxiliary head on stage 3.
        dropout: in both heads.
    """

    def __init__(self, *, num_classes, backbone="ResNet50", in_channels=3, head_channels=None, aux=False, dropout=0.1,
                 align_corners=False, context=None, pretrained=None):
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        self.build_encoder(backbone, context, output_stride=8, first_block_dilation="previous")
        self.head = FCNHead(self.deep_channels, num_classes, width=head_channels, dropout=dropout)
        self.aux_head = FCNHead(self.backbone.out_channels[-2], num_classes, dropout=dropout) if aux else None

    def decode(self, features, x):
        outputs = {"out": self.head(features[-1])}
        if self.training and self.aux_head is not None:
            outputs["aux"] = self.aux_head(features[-2])
        return outputs
