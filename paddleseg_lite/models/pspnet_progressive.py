"""PSPNet with progressive upsampling and an image-level classifier.

After a public PyTorch implementation of PSPNet (Lextal/pspnet-pytorch) that the
course takes up; the pyramid is that of Zhao et al., arXiv:1612.01105.

    backbone    ResNet at output stride 8: C3, C4 channels
    pyramid     bins 1, 2, 3, 6; 1x1 C4 -> C4 without norm; [bins, x]: 5 C4
    bottleneck  1x1 5 C4 -> 1024, ReLU, Dropout2D 0.3
    up x 3      bilinear x2, 3x3, BN, PReLU, Dropout2D 0.15: 256, 64, 64 channels
    classifier  1x1 64 -> K
    presence    global max of stage 3 -> Linear 256, ReLU -> Linear K, in training: is class m in the image?
    loss        CE + 1.0 BCE(presence)

Deviations: logits, not log-probabilities; the widths of pyramid and presence
head follow the backbone (the original's defaults do not fit each other).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle.nn.functional as F
from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..layers import ConvBNAct, PyramidPooling, interpolate, relu
from ..registry import MODELS, Spec
from .base import Segmentor


@MODELS.register(
    small={
        "backbone": {"type": "ResNet18", "width": 0.125},
        "bottleneck_channels": 16,
        "up_channels": [8, 8, 8],
        "presence_channels": 8,
    }
)
class PSPNetProgressive(Segmentor):
    """Progressive PSPNet; in train mode also ``"presence" [N, K]`` logits.

    Args:
        backbone: ResNet at output stride 8.
        bins: sides of the pooled grids.
        bottleneck_channels: width after the pyramid.
        up_channels: width after each doubling.
        presence_channels: hidden width of the image-level head; 0 for none.
        dropout: after the pyramid, and after each doubling.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec = "ResNet34",
        in_channels: int = 3,
        bins: Sequence[int] = (1, 2, 3, 6),
        bottleneck_channels: int = 1024,
        up_channels: Sequence[int] = (256, 64, 64),
        presence_channels: int = 256,
        dropout: Sequence[float] = (0.3, 0.15),
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        self.build_encoder(backbone, context, output_stride=8)
        channels = self.deep_channels
        self.pyramid = PyramidPooling(
            channels,
            branch_channels=channels,
            bins=bins,
            order="input_last",
            norm_act=False,
            align_corners=align_corners,
        )
        self.bottleneck = nn.Conv2D(self.pyramid.out_channels, bottleneck_channels, 1)
        self.dropout, self.up_dropout = nn.Dropout2D(dropout[0]), nn.Dropout2D(dropout[1])
        widths = (bottleneck_channels, *up_channels)
        self.ups = nn.LayerList([ConvBNAct(a, b, 3, bias=True, act="prelu") for a, b in zip(widths, up_channels)])
        self.classifier = nn.Conv2D(widths[-1], num_classes, 1)
        self.presence = None
        if presence_channels:
            stage3 = self.backbone.out_channels[-2]
            self.presence = nn.Sequential(
                nn.Linear(stage3, presence_channels), nn.ReLU(), nn.Linear(presence_channels, num_classes)
            )

    def side_losses(self) -> dict[str, dict[str, Any]]:
        own = {} if self.presence is None else {"presence": {"type": "PresenceLoss"}}
        return {**super().side_losses(), **own}

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        y = self.dropout(relu(self.bottleneck(self.pyramid(features[-1]))))
        for up in self.ups:
            y = interpolate(y, scale_factor=2, align_corners=self.align_corners)
            y = self.up_dropout(up(y))
        outputs = {"out": self.classifier(y)}
        if self.training and self.presence is not None:
            strongest = F.adaptive_max_pool2d(features[-2], 1)  # on a CPU the gradient of max() takes seconds
            outputs["presence"] = self.presence(strongest.flatten(1))
        return outputs
