"""U-Net: Convolutional Networks for Biomedical Image Segmentation.

Ronneberger, Fischer, Brox, MICCAI 2015, arXiv:1505.04597.

A contracting path halves the resolution four times and doubles the width; an
expanding path mirrors it and concatenates the map of the same level:

    level   0: 64    1: 128    2: 256    3: 512    4: 1024 (the deep map)
    size    H        H/2       H/4       H/8       H/16

Styles (``style=``), with what differs from the paper:

    original    3x3 valid convolutions with bias, no BN, centre-cropped skips:
                an input of n gives n - 184, for n = 12 mod 16, n >= 188; validation and
                prediction mirror the image's edges and answer in its size
    same        padded convolutions + BN, output of input size (default)
    bilinear    as `same`, bilinear upsampling instead of deconvolution
    course      as `same` with conv bias, ceil pooling and two 1x1 convolutions at level 4
    paddleseg   64-128-256-512-512, conv bias + BN, bilinear to the skip's size,
                concat [up, skip], 3x3 classifier
    paddleseg_deconv    as `paddleseg`, 2x2 deconvolution to half of the level's output width
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import paddle
from paddle import Tensor, nn

from ..backbones.base import Backbone
from ..layers import ConvBNAct, concat, fit_to, interpolate, resize, run
from ..registry import MODELS, Spec
from .base import Segmentor
from .styles import from_former_name, pick


@dataclass(frozen=True)
class Style:
    """What tells the published UNets apart."""

    valid: bool = False
    norm: bool = True
    conv_bias: bool = False
    bilinear: bool = False
    halve_deep: bool = False  # level 4 as wide as level 3
    skip_first: bool = True  # concat [skip, up]
    ceil_pool: bool = False
    mid_kernel: int = 3
    classifier_kernel: int = 1
    align_corners: bool | None = None  # of the bilinear upsampling; None: the model's, to the skip's size
    half_up: bool = False  # the deconvolution gives half of the level's output width, not the skip's


STYLES = {
    "original": Style(valid=True, norm=False, conv_bias=True),
    "same": Style(),
    "bilinear": Style(bilinear=True, halve_deep=True, align_corners=True),
    "course": Style(conv_bias=True, ceil_pool=True, mid_kernel=1),
    "paddleseg": Style(conv_bias=True, bilinear=True, halve_deep=True, skip_first=False, classifier_kernel=3),
    "paddleseg_deconv": Style(conv_bias=True, halve_deep=True, skip_first=False, classifier_kernel=3, half_up=True),
}


@MODELS.register(small={"base_channels": 4})
class UNet(Segmentor):
    """UNet for K classes.

    Args:
        style: one of the table above.
        variant: the former name of ``style``.
        base_channels: width of level 0 (64 in the paper); smaller for experiments.
        mid_kernel: kernel at level 4; the style's own unless given.
        dropout: at the end of the contracting path (paper: used, rate not given).

    Raises:
        ValueError: ``original`` with an input size that valid convolutions cannot take.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        style: str = "same",
        variant: str | None = None,
        base_channels: int = 64,
        mid_kernel: int | None = None,
        dropout: float = 0.0,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        style = from_former_name(style, variant, default="same", owner="UNet")
        self.style = s = pick(STYLES, style, owner="UNet", mid_kernel=mid_kernel)
        self.smallest = 1 if s.valid or s.ceil_pool else 16  # four poolings that round down
        if s.valid:  # the output is smaller than the input: other ways to train and to predict
            self.label_fit, self.same_size = "crop", False
        widths = [base_channels * 2**i for i in range(5)]
        if s.halve_deep:
            widths[4] //= 2
        self.build_encoder(ContractingPath(in_channels, widths, s, dropout), context)
        deep, ups = self.deep_channels, []
        for level in (3, 2, 1, 0):
            out = widths[level] // 2 if s.halve_deep and level > 0 else widths[level]
            ups.append(Up(deep, widths[level], out, s, align_corners))
            deep = out
        self.ups = nn.LayerList(ups)
        self.classifier = nn.Conv2D(deep, num_classes, s.classifier_kernel, padding=s.classifier_kernel // 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        if self.style.valid:
            check_valid_size(x.shape[2:])
        return super().forward(x)

    def logits(self, x: Tensor) -> Tensor:
        return self.overlap_tile(x) if self.style.valid else super().logits(x)

    def overlap_tile(self, x: Tensor) -> Tensor:
        """Logits ``[N, K, H, W]`` for any H, W: the image is continued by mirroring, as in the paper's figure 2."""
        height, width = x.shape[2:]
        rows, columns = mirrored(height), mirrored(width)
        widened = paddle.index_select(paddle.index_select(x, rows, axis=2), columns, axis=3)
        return self(widened)["out"][:, :, :height, :width]

    def finish(self, outputs: dict[str, Tensor], x: Tensor) -> dict[str, Tensor]:
        return outputs if self.style.valid else super().finish(outputs, x)  # valid: smaller by 184 on purpose

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        y = features[-1]
        for up, skip in zip(self.ups, features[-2::-1]):
            y = run(up, y, skip)
        return {"out": self.classifier(y)}

    def blocks_to_recompute(self) -> list[nn.Layer]:
        return list(self.ups)


class ContractingPath(Backbone):
    """Five double convolutions with 2x2 max-pooling between; strides 1, 2, 4, 8, 16."""

    def __init__(self, in_channels: int, widths: Sequence[int], style: Style, dropout: float) -> None:
        super().__init__()
        stages = [double_conv(in_channels, widths[0], style)]
        for level in range(1, 5):
            block = [
                nn.MaxPool2D(2, 2, ceil_mode=style.ceil_pool),
                double_conv(widths[level - 1], widths[level], style, kernel=style.mid_kernel if level == 4 else 3),
            ]
            if level == 4 and dropout:
                block.append(nn.Dropout(dropout))
            stages.append(nn.Sequential(*block))
        self.stages = nn.LayerList(stages)
        self.out_channels, self.strides = list(widths), [1, 2, 4, 8, 16]


class Up(nn.Layer):
    """Twice the size, concatenate the skip, two convolutions."""

    def __init__(
        self, in_channels: int, skip_channels: int, out_channels: int, style: Style, align_corners: bool
    ) -> None:
        super().__init__()
        self.style = style
        self.align_corners = align_corners
        if style.bilinear:
            joined = in_channels + skip_channels
            middle = joined // 2 if style.align_corners else out_channels
            self.conv = double_conv(joined, out_channels, style, middle=middle)
        else:
            up_channels = out_channels // 2 if style.half_up else skip_channels
            self.up = nn.Conv2DTranspose(in_channels, up_channels, 2, stride=2)
            self.conv = double_conv(up_channels + skip_channels, out_channels, style)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        s = self.style
        if not s.bilinear:
            x = self.up(x)
        elif s.align_corners:
            x = interpolate(x, scale_factor=2, align_corners=True)
        else:
            x = resize(x, skip.shape[2:], align_corners=self.align_corners)
        if s.valid:
            skip = fit_to(skip, x)  # centre crop
        else:
            x = fit_to(x, skip)
        return self.conv(concat([skip, x] if s.skip_first else [x, skip]))


def double_conv(
    in_channels: int, out_channels: int, style: Style, *, middle: int | None = None, kernel: int = 3
) -> nn.Sequential:
    """Two convolutions, each with (BN and) ReLU."""
    middle = middle or out_channels
    padding = 0 if style.valid else kernel // 2
    if style.norm:
        return nn.Sequential(
            ConvBNAct(in_channels, middle, kernel, bias=style.conv_bias),
            ConvBNAct(middle, out_channels, kernel, bias=style.conv_bias),
        )
    he = paddle.ParamAttr(initializer=nn.initializer.KaimingNormal())  # N(0, sqrt(2 / N)), the paper's
    return nn.Sequential(
        nn.Conv2D(in_channels, middle, kernel, padding=padding, weight_attr=he),
        nn.ReLU(),
        nn.Conv2D(middle, out_channels, kernel, padding=padding, weight_attr=he),
        nn.ReLU(),
    )


def mirrored(side: int) -> Tensor:
    """Indices of a line of ``side`` pixels, continued by reflection to a size that valid convolutions take.

    92 pixels before it, at least 92 behind it; a short line is reflected again and again.
    """
    length = 184 + side + (4 - side) % 16
    period = max(1, 2 * (side - 1))
    at = paddle.arange(-92, length - 92) % period
    return paddle.minimum(at, period - at) if side > 1 else paddle.zeros_like(at)


def check_valid_size(size: Sequence[int]) -> None:
    """Raise ValueError unless every side is 12 mod 16 and at least 188."""
    for side in size:
        if side % 16 != 12 or side < 188:
            below = max(188, side - (side - 12) % 16)
            raise ValueError(
                f"UNet 'original' has valid convolutions: each side must be 12 mod 16 and at least 188 "
                f"(output is 184 smaller), but got {list(size)}. Nearest legal: {below} or {below + 16}; "
                "or use style 'same'."
            )
