"""DeepLab V1: Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs.

Chen, Papandreou, Kokkinos, Murphy, Yuille, ICLR 2015, arXiv:1412.7062.

VGG16 at output stride 8: pool4 and pool5 keep the resolution, and holes ("trous")
in conv5 and fc6 keep the field of view. Shapes for a 321 x 321 image:

    conv1..conv3, pool 3x3/2    64 x 161, 128 x 81, 256 x 41
    conv4, pool 3x3/1           512 x 41
    conv5 (rate 2), pool 3x3/1  512 x 41
    pool5a average 3x3/1        512 x 41      (the released V1 models have it, V2 has not)
    fc6, fc7, fc8               see HEADS; ReLU and dropout 0.5 after fc6 and fc7
    out                         K x 41, bilinear to the image

The nominal field of view of table 2 is ``(k - 1) * rate * 8 + 32``: 224 for all
heads but ``4x4``, which has 128.

MSc (section 4.3): two more layers on the image and on pool1..pool4, 3x3 and 1x1
with 128 channels, join the last feature map. Scoring the 640 concatenated
channels (``fuse="concat"``, the paper's words) equals summing the scores of each
branch (``fuse="sum"``, the authors' prototxt) up to where the bias is kept.
The paper trains only the weights that MSc adds (``freeze_trunk``).

The dense CRF is postprocessing: ``paddleseg_lite/postprocess``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import paddle
from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..backbones.vgg import scale_width
from ..errors import ConfigError, nearest
from ..layers import add, concat
from ..registry import MODELS, Spec
from .base import Segmentor

# fc6: (kernel, rate, channels)
HEADS = {"largefov": (3, 12, 1024), "7x7": (7, 4, 4096), "4x4": (4, 4, 4096), "4x4_rate8": (4, 8, 4096)}
MSC_CHANNELS = 128


def nominal_field_of_view(head: str) -> int:
    """Pixels across, as table 2 counts them; the receptive field proper is larger (419 for LargeFOV)."""
    kernel, rate, _ = HEADS[head]
    return (kernel - 1) * rate * 8 + 32


def normal(std: float) -> paddle.ParamAttr:
    """Weights from N(0, std)."""
    return paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, std))


@MODELS.register(small={"backbone": "VGG16BN", "msc": True, "width": 1 / 32})
class DeepLabV1(Segmentor):
    """DeepLab V1 for K classes.

    Args:
        backbone: ``VGG16`` or ``VGG16BN``, or another that reaches output stride 8.
        head: a key of :data:`HEADS`.
        pool5a: the average pooling before fc6.
        msc: multi-scale prediction from the image and pool1..pool4.
        fuse: how MSc scores join: ``"sum"`` or ``"concat"``.
        freeze_trunk: train only what ``msc`` adds.
        dropout: after fc6, fc7 and the MSc layers.
        width: multiplies all widths.
        native_output: leave train outputs at 1/8, for labels subsampled by 8 as in the paper.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        backbone: Backbone | Spec = "VGG16",
        head: str = "largefov",
        pool5a: bool = True,
        msc: bool = False,
        fuse: str = "sum",
        freeze_trunk: bool = False,
        dropout: float = 0.5,
        width: float = 1.0,
        native_output: bool = False,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            align_corners=align_corners,
            pretrained=pretrained,
            native_output=native_output,
        )
        if head not in HEADS:
            raise ConfigError(f"DeepLabV1 head '{head}' is unknown; {', '.join(HEADS)}.{nearest(head, HEADS)}")
        if fuse not in ("sum", "concat"):
            raise ConfigError(f"DeepLabV1 fuse '{fuse}' is unknown; 'sum' or 'concat'.")
        self.build_encoder(backbone, context, layout="deeplab", output_stride=8, width=width)
        kernel, rate, channels = HEADS[head]
        self.pool5a = nn.AvgPool2D(3, 1, padding=1, exclusive=False) if pool5a else nn.Identity()
        channels = scale_width(channels, width)
        self.fc = FullyConnected(self.deep_channels, channels, kernel=kernel, rate=rate, dropout=dropout)
        self.branches, self.scores = nn.LayerList(), nn.LayerList()
        if msc:
            inputs = [in_channels, *self.backbone.out_channels[:-1]]
            strides = [1, *self.backbone.strides[:-1]]
            middle = scale_width(MSC_CHANNELS, width)
            self.branches.extend(
                MultiScaleBranch(c, middle, stride=max(8 // s, 1), dropout=dropout) for c, s in zip(inputs, strides)
            )
        self.fuse = fuse
        widths = [channels, *([scale_width(MSC_CHANNELS, width)] * len(self.branches))]
        if fuse == "concat":
            widths = [sum(widths)]
        self.scores.extend(nn.Conv2D(c, num_classes, 1, weight_attr=normal(0.01)) for c in widths)  # [0] is fc8
        if freeze_trunk:
            self._freeze_trunk()

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        maps = [self.fc(self.pool5a(features[-1]))]  # [N, 1024, h, w]
        maps += [branch(source) for branch, source in zip(self.branches, [x, *features[:-1]])]
        if self.fuse == "concat":
            maps = [concat(maps)]
        return {"out": reduce(add, (score(m) for score, m in zip(self.scores, maps)))}

    def pretrained_part(self) -> nn.Layer:
        """VGG16 with fc6 and fc7, which start from ImageNet (subsampled); fc8 and MSc are new."""
        return nn.LayerDict({"backbone": self.backbone, "fc": self.fc})

    def _freeze_trunk(self) -> None:
        if not self.branches or self.fuse == "concat":
            raise ConfigError("freeze_trunk trains what MSc adds: it needs msc: true and fuse: sum.")
        for layer in (self.backbone, self.fc, self.scores[0]):
            for parameter in layer.parameters():
                parameter.stop_gradient = True


class FullyConnected(nn.Sequential):
    """fc6 and fc7 as convolutions: ``[N, C, h, w] -> [N, channels, h, w]``."""

    def __init__(self, in_channels: int, channels: int, *, kernel: int, rate: int, dropout: float) -> None:
        super().__init__(
            nn.Conv2D(in_channels, channels, kernel, padding=(kernel - 1) * rate // 2, dilation=rate),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2D(channels, channels, 1),
            nn.ReLU(),
            nn.Dropout(dropout),
        )


class MultiScaleBranch(nn.Sequential):
    """The two layers of MSc on one map: to stride 8 and 128 channels."""

    def __init__(self, in_channels: int, channels: int, *, stride: int, dropout: float) -> None:
        super().__init__(
            nn.Conv2D(in_channels, channels, 3, stride=stride, padding=1, weight_attr=normal(0.001)),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2D(channels, channels, 1, weight_attr=normal(0.001)),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
