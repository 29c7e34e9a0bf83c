"""FCN-32s, -16s, -8s: Fully Convolutional Networks for Semantic Segmentation.

Long, Shelhamer, Darrell, CVPR 2015, arXiv:1411.4038; PAMI 2017, arXiv:1605.06211.

VGG16 whose classifier became convolutions; class scores at stride 32 are
upsampled by learnable bilinear deconvolution, and -16s and -8s add scores from
pool4 and pool3 on the way:

    conv1_1..pool5    VGG16, 100 pixels of padding, pooling rounds up
    fc6, fc7          7x7 512 -> 4096, 1x1 4096 -> 4096, ReLU, dropout 0.5
    score_fr          1x1 4096 -> K                                 stride 32
    -32s              deconv 64/32, crop 19
    -16s              deconv 4/2 + score_pool4 (crop 5), deconv 32/16, crop 27
    -8s               deconv 4/2 + score_pool4 (crop 5), deconv 4/2 + score_pool3 (crop 9), deconv 16/8, crop 31

``padding_mode="same"`` leaves out the 100 pixels and the crops (41 % fewer
multiply-adds at 512 x 512) after padding the image to a multiple of 32.

Deviation: the reference code freezes the deconvolutions (``freeze_upsample``);
here they train, from the same bilinear start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..backbones.base import Backbone, FeatureMaps
from ..backbones.vgg import LAYOUTS, scale_width
from ..errors import ConfigError
from ..layers import add, bilinear_kernel, relu
from ..registry import MODELS, Spec
from .base import Segmentor

ZERO = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0))


class SkipFCN(Segmentor):
    """FCN with ``len(skips)`` fusions; use one of its subclasses.

    Args:
        padding_mode: ``"pad100"`` (Caffe reference, VGG only) or ``"same"``.
        backbone: ``VGG16``, ``VGG16BN``; with ``same`` any with maps at the strides needed.
        freeze_upsample: keep the deconvolutions bilinear.
        skip_scales: factors on pool4 and pool3 before they are scored;
            ``(1e-2, 1e-4)`` trains FCN-8s "at once" from VGG16.
        dropout: after fc6 and fc7.
        width: multiplies all widths (backbone, fc6, fc7).
    """

    skips: tuple[tuple[int, int], ...]  # (stride, crop offset with pad100) of each fused map
    last: tuple[int, int]  # (stride, crop offset) of the last upsampling

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        backbone: Backbone | Spec = "VGG16",
        padding_mode: str = "pad100",
        freeze_upsample: bool = False,
        skip_scales: Sequence[float] = (1.0, 1.0),
        dropout: float = 0.5,
        width: float = 1.0,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        if padding_mode not in ("pad100", "same"):
            raise ConfigError(f"padding_mode '{padding_mode}' is unknown; 'pad100' or 'same'.")
        self.same = padding_mode == "same"
        self.build_encoder(backbone, context, layout="fcn_same" if self.same else "fcn", width=width)
        self._check_backbone()
        hidden = scale_width(4096, width)
        self.fc6 = nn.Conv2D(self.deep_channels, hidden, 7, padding=3 if self.same else 0)
        self.fc7 = nn.Conv2D(hidden, hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.score_fr = nn.Conv2D(hidden, num_classes, 1, weight_attr=ZERO)
        self.skip_scales = tuple(skip_scales)
        self.skip_stages = [self.backbone.strides.index(stride) for stride, _ in self.skips]
        self.score_skips = nn.LayerList(
            [nn.Conv2D(self.backbone.out_channels[i], num_classes, 1, weight_attr=ZERO) for i in self.skip_stages]
        )
        factors = [2] * len(self.skips) + [self.last[0]]
        self.upscores = nn.LayerList([self._upscore(f, freeze_upsample) for f in factors])

    def _check_backbone(self) -> None:
        strides, needed = self.backbone.strides, [stride for stride, _ in self.skips]
        if strides[-1] != 32 or not set(needed) <= set(strides):
            raise ConfigError(
                f"{type(self).__name__} needs maps of stride {[*needed, 32]}, the last one of 32, but the backbone has "
                f"{strides}; use output_stride 32."
            )
        if not self.same and getattr(self.backbone, "layout", None) != LAYOUTS["fcn"]:
            raise ConfigError("padding_mode 'pad100' is for VGG16 in layout 'fcn'; use padding_mode: same.")

    def _upscore(self, factor: int, freeze: bool) -> nn.Conv2DTranspose:
        """Deconvolution by ``factor``, bilinear in each class, zero between classes."""
        k = self.num_classes
        kernel = nn.initializer.Assign(bilinear_kernel(k, k, 2 * factor))
        layer = nn.Conv2DTranspose(
            k,
            k,
            2 * factor,
            stride=factor,
            padding=factor // 2 if self.same else 0,
            bias_attr=False,
            weight_attr=paddle.ParamAttr(initializer=kernel),
        )
        layer.weight.stop_gradient = freeze
        return layer

    def encode(self, x: Tensor) -> FeatureMaps:
        if self.same:
            height, width = x.shape[2:]
            x = F.pad(x, [0, -width % 32, 0, -height % 32])
        return super().encode(x)

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        y = self.dropout(relu(self.fc6(features[-1])))  # [N, 4096, h, w]
        y = self.dropout(relu(self.fc7(y)))
        y = self.score_fr(y)  # [N, K, h, w]
        *up2s, up_last = self.upscores
        for i, (stage, up) in enumerate(zip(self.skip_stages, up2s)):
            y = up(y)
            skip = self.score_skips[i](features[stage] * self.skip_scales[i])
            y = add(y, self._crop(skip, self.skips[i][1], y.shape[2:]))
        return {"out": self._crop(up_last(y), self.last[1], x.shape[2:])}

    def _crop(self, y: Tensor, offset: int, size: Sequence[int]) -> Tensor:
        """The window that lies over the reference; its offset follows from the centres of all layers between."""
        offset = 0 if self.same else offset
        return y[:, :, offset : offset + size[0], offset : offset + size[1]]

    def pretrained_part(self) -> nn.Layer:
        """VGG16 with its classifier: fc6 and fc7 start from ImageNet too."""
        return nn.LayerDict({"backbone": self.backbone, "fc6": self.fc6, "fc7": self.fc7})


@MODELS.register(small={"width": 1 / 32, "padding_mode": "same"})
class FCN32s(SkipFCN):
    """One upsampling by 32; arguments of :class:`SkipFCN`."""

    skips, last = (), (32, 19)


@MODELS.register(small={"width": 1 / 32})
class FCN16s(SkipFCN):
    """Fuses pool4; arguments of :class:`SkipFCN`."""

    skips, last = ((16, 5),), (16, 27)


@MODELS.register(small={"width": 1 / 32})
class FCN8s(SkipFCN):
    """Fuses pool4 and pool3; arguments of :class:`SkipFCN`."""

    skips, last = ((16, 5), (8, 9)), (8, 31)


@MODELS.register(small={"width": 1 / 32, "padding_mode": "same"})
def course_fcn8s(
    *,
    num_classes: int = 59,
    in_channels: int = 3,
    padding_mode: str = "pad100",
    width: float = 1.0,
    context: Spec | None = None,
    pretrained: str | None = None,
) -> FCN8s:
    """The course's FCN-8s: VGG16 with BN, the 59 classes of PASCAL-Context."""
    return FCN8s(
        num_classes=num_classes,
        in_channels=in_channels,
        backbone="VGG16BN",
        padding_mode=padding_mode,
        width=width,
        context=context,
        pretrained=pretrained,
    )
