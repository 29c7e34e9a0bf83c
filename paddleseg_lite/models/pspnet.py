"""Pyramid Scene Parsing Network.

Zhao, Shi, Qi, Wang, Jia, CVPR 2017, arXiv:1612.01105.

    backbone    dilated ResNet, stages 3 and 4 at H/8: 1024 and 2048 channels
    pyramid     pool stage 4 to 1, 2, 3, 6 bins; 1x1 2048 -> 512, BN, ReLU; bilinear to H/8;
                concatenate with stage 4: 4096 channels                     (section 3.2)
    head        3x3 4096 -> 512, BN, ReLU, dropout 0.1, 1x1 -> K, bilinear x8
    aux         stage 3: 3x3 -> 256, BN, ReLU, dropout 0.1, 1x1 -> K        (section 3.3)
    loss        main + 0.4 aux

What published code does differently is a ``style``:

    paper       7x7 stem (the authors' three 3x3 are ``backbone: {deep_stem: [64, 64, 128]}``)
    semseg      the authors' PyTorch code: stem 64-64-128, align_corners
    paddleseg   vd ResNet, head 1024, bins 6, 3, 2, 1, conv bias + BN, dropout of single values
    mobilenet   the course's Keras network: MobileNetV1 at H/32, branches of C/2, head 1x1 -> 512, BN, ReLU,
                3x3 -> K, no dropout, no aux; its x8 upsampling gives H/4 (``upsample=8, native_output=True``)
    keras       the same with the numbers of Keras and TensorFlow 1: BN epsilon 1e-3 and momentum 0.99,
                resize from the first pixel (``half_pixel=False``): for converted Keras weights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..layers import ConvBNAct, FCNHead, PyramidPooling, interpolate, make_dropout
from ..registry import MODELS, Spec
from .base import Segmentor
from .styles import pick


@dataclass(frozen=True)
class Style:
    """What tells the published PSPNets apart."""

    backbone: str = "ResNet50"
    output_stride: int = 8
    deep_stem: tuple | None = None
    align_corners: bool = False
    order: str = "input_first"
    branch_share: int | None = 4  # a branch has C / branch_share channels; None: C / number of bins
    conv_bias: bool = False
    head_channels: int = 512
    head_kernel: int = 3
    classifier_kernel: int = 1
    dropout: float = 0.1
    channelwise: bool = True  # Dropout2D
    aux: bool = True
    epsilon: float = 1e-5  # of every norm
    momentum: float = 0.9
    half_pixel: bool = True


_MOBILENET = Style(
    backbone="MobileNetV1", output_stride=32, branch_share=2, head_kernel=1, classifier_kernel=3, dropout=0.0, aux=False
)
STYLES: dict[str, Style] = {
    "paper": Style(),
    "semseg": Style(deep_stem=(64, 64, 128), align_corners=True),
    "paddleseg": Style(
        backbone="ResNet50_vd",
        order="reversed",
        branch_share=None,
        conv_bias=True,
        head_channels=1024,
        channelwise=False,
    ),
    "mobilenet": _MOBILENET,
    "keras": replace(_MOBILENET, epsilon=1e-3, momentum=0.99, half_pixel=False),
}


@MODELS.register(small={"backbone": {"type": "ResNet18", "width": 0.125}, "head_channels": 16})
class PSPNet(Segmentor):
    """PSPNet for K classes.

    Args:
        style: one of the table above; the arguments below default to the style's.
        backbone: any; ResNet at output stride 8 unless it says otherwise.
        bins: sides of the pooled grids.
        head_channels: width of the head.
        dropout: in the head and the auxiliary head.
        aux: an auxiliary head on the second-deepest stage.
        se: squeeze-and-excitation on the pyramid's branches.
        pool_type: ``"avg"`` (paper) or ``"max"``.
        upsample: bilinear factor after the head.
        native_output: in train mode, leave the outputs at the head's resolution.
        epsilon, momentum: of the norms of backbone, pyramid and heads (Paddle's convention; a backbone
            written with its own keeps them).
        align_corners, half_pixel: of every resize, as in :func:`~paddleseg_lite.layers.resize`.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec | None = None,
        in_channels: int = 3,
        style: str = "paper",
        bins: Sequence[int] = (1, 2, 3, 6),
        head_channels: int | None = None,
        dropout: float | None = None,
        aux: bool | None = None,
        se: bool = False,
        pool_type: str = "avg",
        upsample: int = 1,
        native_output: bool = False,
        align_corners: bool | None = None,
        half_pixel: bool | None = None,
        epsilon: float | None = None,
        momentum: float | None = None,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        s = pick(
            STYLES,
            style,
            owner="PSPNet",
            head_channels=head_channels,
            dropout=dropout,
            aux=aux,
            align_corners=align_corners,
            half_pixel=half_pixel,
            epsilon=epsilon,
            momentum=momentum,
        )
        norm: dict[str, Any] = {"epsilon": s.epsilon, "momentum": s.momentum}
        super().__init__(
            num_classes=num_classes,
            in_channels=in_channels,
            align_corners=s.align_corners,
            half_pixel=s.half_pixel,
            pretrained=pretrained,
            native_output=native_output,
        )
        self.build_encoder(
            backbone or s.backbone, context, output_stride=s.output_stride, deep_stem=s.deep_stem, **norm
        )
        channels = self.deep_channels
        self.pyramid = PyramidPooling(
            channels,
            branch_channels=max(1, channels // (s.branch_share or len(bins))),
            bins=bins,
            order=s.order,
            conv_bias=s.conv_bias,
            pool_type=pool_type,
            se=se,
            align_corners=s.align_corners,
            half_pixel=s.half_pixel,
            **norm,
        )
        self.head = ConvBNAct(self.pyramid.out_channels, s.head_channels, s.head_kernel, bias=s.conv_bias, **norm)
        self.dropout = make_dropout(s.dropout, s.channelwise)
        self.classifier = nn.Conv2D(s.head_channels, num_classes, s.classifier_kernel, padding=s.classifier_kernel // 2)
        self.upsample = upsample
        self.aux_head = None
        if s.aux:
            self.aux_head = FCNHead(
                self.backbone.out_channels[-2],
                num_classes,
                bias=s.conv_bias,
                dropout=s.dropout,
                channelwise=s.channelwise,
                **norm,
            )

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        y = self.classifier(self.dropout(self.head(self.pyramid(features[-1]))))
        if self.upsample != 1:
            y = interpolate(y, scale_factor=self.upsample, align_corners=self.align_corners, half_pixel=self.half_pixel)
        outputs = {"out": y}
        if self.training and self.aux_head is not None:
            outputs["aux"] = self.aux_head(features[-2])
        return outputs


@MODELS.register(small={"alpha": 0.125})
def pspnet_mobilenet(
    *,
    num_classes: int,
    in_channels: int = 3,
    alpha: float = 1.0,
    se: bool = False,
    native_output: bool = False,
    align_corners: bool = False,
    half_pixel: bool | None = None,
    epsilon: float | None = None,
    momentum: float | None = None,
    faithful: bool = False,
    context: Spec | None = None,
    pretrained: str | None = None,
) -> PSPNet:
    """The course's Keras PSPNet on MobileNetV1; ``native_output`` trains on its own H/4 logits.

    ``alpha`` multiplies the widths of the backbone. By default with this library's norms and resize. ``faithful``
    computes what the Keras network does, to 1e-5: epsilon 1e-3 (0.03 to 0.04 on the logits), momentum 0.99, and
    TensorFlow 1's resize from the first pixel (the classes of 10 to 27 % of the pixels); ``epsilon``, ``momentum``
    and ``half_pixel`` set one of them. Its pooling windows are the pyramid's bins for sides that divide by 192, the
    only ones it takes.
    """
    return PSPNet(
        num_classes=num_classes,
        in_channels=in_channels,
        style="keras" if faithful else "mobilenet",
        se=se,
        backbone={"type": "MobileNetV1", "alpha": alpha},
        upsample=8 if native_output else 1,
        native_output=native_output,
        align_corners=align_corners,
        half_pixel=half_pixel,
        epsilon=epsilon,
        momentum=momentum,
        context=context,
        pretrained=pretrained,
    )
