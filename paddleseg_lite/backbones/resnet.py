"""Deep Residual Learning for Image Recognition, and the dilated form that segmentation uses.

He et al., CVPR 2016, arXiv:1512.03385; Yu, Koltun, Funkhouser, CVPR 2017, arXiv:1705.09914;
the ``vd`` form: He et al., CVPR 2019, arXiv:1812.01187.

    stem    7x7/2, 64, BN, ReLU, max-pool 3x3/2    (or three 3x3: ``deep_stem``)
    stage   1     2     3     4        width of a Bottleneck stage: 4 x (64, 128, 256, 512)
    OS 32   /4    /8    /16   /32
    OS 16   /4    /8    /16   /16 d2   once the output stride is reached, a stage keeps its
    OS 8    /4    /8    /8 d2 /8  d4   resolution and doubles the dilation instead

Stages 5.. (``cascade``) repeat stage 4 by the same rule: DeepLab V3's blocks 5 to 7.

Where implementations disagree there is an argument:

    first_block_dilation   the first unit of a dilated stage has the stage's dilation ("same": the PSPNet
                           authors, PaddleSeg), the previous stage's ("previous": torchvision) or "one"
    stride_on_1x1          stride on the first 1x1 (Caffe) and not on the 3x3 (torchvision, PaddleSeg)
    ceil_mode              of the stem's pooling (Caffe): 129 and not 128 for 512
    avg_down               average-pool 2x2 before a strided shortcut's 1x1, which then has stride 1 (vd)
    project_first          a 1x1 on the shortcut of stage 1's first unit also where shapes agree (18 and 34 of vd)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from paddle import Tensor, nn

from ..errors import ConfigError
from ..layers import ConvBNAct, add, kaiming_fan_out, relu
from ..registry import BACKBONES
from .base import Backbone

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
PLANES = (64, 128, 256, 512)
Conv = Callable[..., ConvBNAct]


class ResNet(Backbone):
    """ResNet of any output stride; ``[N, in_channels, H, W]`` to one map per stage.

    The depth is the subclass's: 18 and 34 (two 3x3 a unit), 50 and 101 (bottlenecks).

    Args:
        output_stride: 8, 16 or 32; with ``cascade`` also 64, 128, 256.
        multi_grid: factors on the dilation of the units of stage 4 (and of each
            cascaded stage), one a unit; those beyond the last unit are unused.
        dilations: of each stage, instead of those the output stride implies.
        width: multiplier on all widths, for experiments on a CPU.
        deep_stem: widths of three 3x3 convolutions in place of the 7x7, e.g.
            (64, 64, 128) in PSPNet, (32, 32, 64) in the vd form.
        cascade: number of copies of stage 4 after it.
        cascade_projection: 1x1 projection on the shortcut of each copy's first
            unit (the course) and not the identity (the paper).
        epsilon, momentum: of every batch normalisation, Paddle's convention.
    """

    many_blocks = True

    depth: int

    def __init__(
        self,
        *,
        in_channels: int = 3,
        output_stride: int = 32,
        multi_grid: Sequence[int] = (1, 1, 1),
        dilations: Sequence[int] | None = None,
        width: float = 1.0,
        deep_stem: Sequence[int] | None = None,
        avg_down: bool = False,
        stride_on_1x1: bool = False,
        first_block_dilation: str = "same",
        ceil_mode: bool = False,
        cascade: int = 0,
        cascade_projection: bool = False,
        project_first: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        check_choices(self.depth, output_stride, multi_grid, first_block_dilation, cascade)
        conv = partial(ConvBNAct, epsilon=epsilon, momentum=momentum)
        unit: Callable[..., Bottleneck | BasicBlock] = (
            partial(Bottleneck, stride_on_1x1=stride_on_1x1) if self.depth >= 50 else BasicBlock
        )
        scaled = lambda channels: max(1, round(channels * width))  # noqa: E731

        self.stem, channels = make_stem(in_channels, [scaled(c) for c in deep_stem or (64,)], ceil_mode, conv)
        stages, self.out_channels, self.strides = [], [], []
        stride, dilation = 4, 1
        for index in range(4 + cascade):
            step, previous = (1 if index == 0 else 2), dilation
            if stride * step > output_stride:
                step, dilation = 1, dilation * 2
            if dilations is not None:
                dilation = dilations[index]
            first = {"same": dilation, "previous": previous, "one": 1}[first_block_dilation]
            project = project_first if index == 0 else index > 3 and cascade_projection
            units = []
            for i in range(DEPTHS[self.depth][min(index, 3)]):
                rate = (first if i == 0 else dilation) * (multi_grid[i] if index >= 3 else 1)
                units.append(
                    unit(
                        channels,
                        scaled(PLANES[min(index, 3)]),
                        stride=step if i == 0 else 1,
                        dilation=rate,
                        conv=conv,
                        avg_down=avg_down,
                        projection=i == 0 and project,
                    )
                )
                channels = units[-1].out_channels
            stages.append(nn.Sequential(*units))
            stride *= step
            self.out_channels.append(channels)
            self.strides.append(stride)
        self.stages = nn.LayerList(stages)
        kaiming_fan_out(self)

    def imagenet_part(self) -> nn.Layer:
        """Stem and stages 1 to 4 under the names they have here: what ImageNet weights can fill."""
        part = nn.Layer()
        part.stem, part.stages = self.stem, nn.LayerList(list(self.stages)[:4])
        return part


class Bottleneck(nn.Layer):
    """1x1 reduce, 3x3, 1x1 expand to four times the width; added to the shortcut."""

    out_channels: int

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        stride: int,
        dilation: int,
        conv: Conv,
        avg_down: bool = False,
        projection: bool = False,
        stride_on_1x1: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = 4 * planes
        s1, s3 = (stride, 1) if stride_on_1x1 else (1, stride)
        self.conv1 = conv(in_channels, planes, 1, stride=s1)
        self.conv2 = conv(planes, planes, 3, stride=s3, dilation=dilation)
        self.conv3 = conv(planes, self.out_channels, 1, act=None)
        self.pool, self.shortcut = make_shortcut(in_channels, self.out_channels, stride, conv, avg_down, projection)

    def forward(self, x: Tensor) -> Tensor:
        return add(self.conv3(self.conv2(self.conv1(x))), self.shortcut(self.pool(x)), relu)


class BasicBlock(nn.Layer):
    """Two 3x3 convolutions, added to the shortcut."""

    out_channels: int

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        stride: int,
        dilation: int,
        conv: Conv,
        avg_down: bool = False,
        projection: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = planes
        self.conv1 = conv(in_channels, planes, 3, stride=stride, dilation=dilation)
        self.conv2 = conv(planes, planes, 3, dilation=dilation, act=None)
        self.pool, self.shortcut = make_shortcut(in_channels, planes, stride, conv, avg_down, projection)

    def forward(self, x: Tensor) -> Tensor:
        return add(self.conv2(self.conv1(x)), self.shortcut(self.pool(x)), relu)


def make_stem(in_channels: int, widths: Sequence[int], ceil_mode: bool, conv: Conv) -> tuple[nn.Sequential, int]:
    """Convolutions to stride 2, then max-pooling to 4; returns the layers and their width."""
    if len(widths) == 1:
        layers = [conv(in_channels, widths[0], 7, stride=2)]
    else:
        pairs = zip((in_channels, *widths), widths)
        layers = [conv(a, b, 3, stride=2 if i == 0 else 1) for i, (a, b) in enumerate(pairs)]
    return nn.Sequential(*layers, nn.MaxPool2D(3, 2, padding=1, ceil_mode=ceil_mode)), widths[-1]


def make_shortcut(
    in_channels: int, out_channels: int, stride: int, conv: Conv, avg_down: bool, projection: bool
) -> tuple[nn.Layer, nn.Layer]:
    """Pooling and projection of the input: identities where shapes allow it, else a 1x1 with BN."""
    if in_channels == out_channels and stride == 1 and not projection:
        return nn.Identity(), nn.Identity()
    pool: nn.Layer = nn.Identity()
    if avg_down and stride > 1:
        pool, stride = nn.AvgPool2D(2, stride, ceil_mode=True), 1
    return pool, conv(in_channels, out_channels, 1, stride=stride, act=None)


def check_choices(
    depth: int, output_stride: int, multi_grid: Sequence[int], first_block_dilation: str, cascade: int
) -> None:
    """Raise ConfigError for a ResNet that does not exist."""
    if depth not in DEPTHS:
        raise ConfigError(f"ResNet depth {depth} does not exist; one of {', '.join(map(str, DEPTHS))}.")
    allowed = [8, 16, 32] + [32 * 2 ** (i + 1) for i in range(cascade)]
    if output_stride not in allowed:
        raise ConfigError(f"ResNet output_stride {output_stride} is not possible; one of {allowed}.")
    units = DEPTHS[depth][3]
    if len(multi_grid) < units:
        raise ConfigError(
            f"multi_grid {tuple(multi_grid)} has {len(multi_grid)} factors, but stage 4 of ResNet-{depth} "
            f"has {units} units: give one a unit, e.g. {(1, 2, 4)[:units]}."
        )
    if first_block_dilation not in ("same", "previous", "one"):
        raise ConfigError(f"first_block_dilation '{first_block_dilation}' is unknown; one of same, previous, one.")


@BACKBONES.register(small={"width": 1 / 16})
class ResNet18(ResNet):
    """Stages of 64, 128, 256, 512 channels; 11,176,512 parameters without the ImageNet classifier."""

    depth = 18


@BACKBONES.register(small={"width": 1 / 16})
class ResNet34(ResNet):
    """As ResNet-18 with 3, 4, 6, 3 units a stage; 21,284,672 parameters."""

    depth = 34


@BACKBONES.register(small={"width": 1 / 16})
class ResNet50(ResNet):
    """Stages of 256, 512, 1024, 2048 channels; 23,508,032 parameters."""

    depth = 50


@BACKBONES.register(small={"width": 1 / 16})
class ResNet101(ResNet):
    """As ResNet-50 with 3, 4, 23, 3 units a stage; 42,500,160 parameters."""

    depth = 101


class ShallowVd(ResNet):
    """Mixed into ResNet-18 and -34: the vd form as PaddleSeg builds it, with a projection in stage 1 too."""

    def __init__(
        self,
        *,
        deep_stem: Sequence[int] = (32, 32, 64),
        avg_down: bool = True,
        project_first: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(deep_stem=deep_stem, avg_down=avg_down, project_first=project_first, **kwargs)


@BACKBONES.register(small={"width": 1 / 16})
class ResNet18_vd(ShallowVd, ResNet18):
    """ResNet-18-D as PaddleSeg builds it."""


@BACKBONES.register(small={"width": 1 / 16})
class ResNet34_vd(ShallowVd, ResNet34):
    """ResNet-34-D as PaddleSeg builds it."""


@BACKBONES.register(small={"width": 1 / 16})
class ResNet50_vd(ResNet50):
    """ResNet-50-D as PaddleSeg builds it: 3x3 stem 32-32-64, average pooling in strided shortcuts."""

    def __init__(self, *, deep_stem: Sequence[int] = (32, 32, 64), avg_down: bool = True, **kwargs: Any) -> None:
        super().__init__(deep_stem=deep_stem, avg_down=avg_down, **kwargs)


@BACKBONES.register(small={"width": 1 / 16})
class ResNet101_vd(ResNet101):
    """ResNet-101-D as PaddleSeg builds it."""

    def __init__(self, *, deep_stem: Sequence[int] = (32, 32, 64), avg_down: bool = True, **kwargs: Any) -> None:
        super().__init__(deep_stem=deep_stem, avg_down=avg_down, **kwargs)
