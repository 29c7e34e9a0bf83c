"""DeepLab V2: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully Connected CRFs.

Chen, Papandreou, Kokkinos, Murphy, Yuille, PAMI 2018, arXiv:1606.00915.

V1 plus atrous spatial pyramid pooling (section 3.2): parallel branches with
different rates r on the last feature map, their class scores added up.

    VGG16        per branch: fc6 3x3 rate r 512 -> 1024, fc7 1x1 1024, fc8 1x1 1024 -> K
    ResNet       per branch: 3x3 rate r 2048 -> K with bias, and nothing else
    rates        6, 12, 18, 24 (ASPP-L); 2, 4, 8, 12 (ASPP-S); one rate of 12 is LargeFOV

Both backbones have output stride 8. The ResNet is Caffe's: stride on the first
1x1 of a unit, stem pooling rounds up; its BN stays frozen in the recipe
(``freeze_bn: true``).

MSC (section 4.1.2, ``msc_scales``): the same network runs on the image at
further scales; scores are resized to those of scale 1 and fused by maximum. In
train mode each scale and the maximum are outputs (``msc_1``, ``msc_0.75``,
``msc_0.5``, ``out``), one loss each; labels are shrunk to them, not they
enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import paddle
from paddle import Tensor, nn

from ..backbones.base import Backbone, FeatureMaps
from ..backbones.vgg import VGG16, scale_width
from ..layers import add, resize
from ..registry import MODELS, Spec
from .base import Segmentor
from .deeplab_v1 import FullyConnected, normal


@MODELS.register(small={"backbone": "ResNet50", "width": 1 / 16})
class DeepLabV2(Segmentor):
    """DeepLab V2 for K classes.

    Args:
        backbone: ``ResNet101``, ``ResNet50`` or ``VGG16``, at output stride 8.
        rates: of the branches.
        msc_scales: further scales, ``(0.75, 0.5)`` in the paper; none by default.
        dropout: after fc6 and fc7 (VGG16).
        width: multiplies all widths.
        native_output: leave train outputs at the resolution of their scale; by
            default so exactly when there are ``msc_scales``.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        backbone: Backbone | Spec = "ResNet101",
        rates: Sequence[int] = (6, 12, 18, 24),
        msc_scales: Sequence[float] = (),
        dropout: float = 0.5,
        width: float = 1.0,
        native_output: bool | None = None,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            align_corners=align_corners,
            pretrained=pretrained,
            native_output=bool(msc_scales) if native_output is None else native_output,
        )
        self.msc_scales = tuple(msc_scales)
        self.build_encoder(
            backbone, context, layout="deeplab", output_stride=8, stride_on_1x1=True, ceil_mode=True, width=width
        )
        if isinstance(self.backbone, VGG16):
            hidden = scale_width(1024, width)
            self.aspp: nn.Layer = VGGPyramid(self.deep_channels, hidden, num_classes, rates=rates, dropout=dropout)
        else:
            self.aspp = ResNetPyramid(self.deep_channels, num_classes, rates=rates)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = FeatureMaps.of(self.encode(x))
        outputs = self.decode(features, x)
        if self.msc_scales:
            outputs = self.with_scales(outputs["out"], x)
        outputs.update(features.extras)
        return self.finish(outputs, x)

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        return {"out": self.aspp(features[-1])}  # [N, K, H/8, W/8]

    def with_scales(self, logits: Tensor, x: Tensor) -> dict[str, Tensor]:
        """Scores of every scale, and their maximum at scale 1's resolution."""
        outputs, fused = {"msc_1": logits}, [logits]
        for scale in self.msc_scales:
            size = [max(1, int(side * scale)) for side in x.shape[2:]]
            small = resize(x, size, align_corners=self.align_corners)
            y = outputs[f"msc_{scale:g}"] = self.decode(self.encode(small), small)["out"]
            fused.append(resize(y, logits.shape[2:], align_corners=self.align_corners))
        return {"out": reduce(paddle.maximum, fused), **outputs}

    def pretrained_part(self) -> nn.Layer:
        """The backbone; for VGG16 fc6 and fc7 too, copies of which start every branch."""
        if isinstance(self.aspp, ResNetPyramid):
            return self.backbone
        return nn.LayerDict({"backbone": self.backbone, "aspp": nn.LayerDict({"fcs": self.aspp.fcs})})


class ResNetPyramid(nn.Layer):
    """Sum of dilated 3x3 classifiers: ``[N, C, h, w] -> [N, K, h, w]``; N(0, 0.01), no BN, no ReLU."""

    def __init__(self, in_channels: int, num_classes: int, *, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = nn.LayerList(
            [nn.Conv2D(in_channels, num_classes, 3, padding=r, dilation=r, weight_attr=normal(0.01)) for r in rates]
        )

    def forward(self, x: Tensor) -> Tensor:
        return reduce(add, (branch(x) for branch in self.branches))


class VGGPyramid(nn.Layer):
    """Sum of fc6-fc7-fc8 branches: ``[N, C, h, w] -> [N, K, h, w]``."""

    def __init__(
        self, in_channels: int, channels: int, num_classes: int, *, rates: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.fcs = nn.LayerList(
            [FullyConnected(in_channels, channels, kernel=3, rate=r, dropout=dropout) for r in rates]
        )
        self.scores = nn.LayerList([nn.Conv2D(channels, num_classes, 1, weight_attr=normal(0.01)) for _ in rates])

    def forward(self, x: Tensor) -> Tensor:
        return reduce(add, (score(fc(x)) for fc, score in zip(self.fcs, self.scores)))
