"""The bottlenecks of ENet and the published ways to build them.

A bottleneck adds two branches. ``main`` is the input (max-pooled and padded with
zero channels going down, projected and unpooled going up); ``ext`` squeezes to a
quarter of the channels, convolves, and expands again:

    1x1 (2x2/2 down) - BN - act - {3x3 | dilated | 5x1, 1x5 | deconv} - BN - act - 1x1 - BN - dropout
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..backbones.indexed import IndexedMaxPool, Place
from ..errors import ConfigError
from ..layers import BatchNorm, ConvBNAct, add, concat, fit_to, relu, resize


@dataclass(frozen=True)
class Style:
    """What differs between implementations; the defaults are the authors' Lua."""

    epsilon: float = 1e-3
    momentum: float = 0.9
    bias: bool = True  # on 3x3, 1x5, deconvolutions and the initial convolution
    prelu_per_channel: bool = True
    initial_pool: int = 2
    squeeze_input: bool = False  # squeeze to a quarter of the input's channels (else output's) where size changes
    act_before_sum: bool = False  # activation after ext's last 1x1 as well
    act_before_sum_up: bool = False  # the same in the upsampling bottleneck
    asymmetric_norm: bool = False  # BN and activation between 5x1 and 1x5
    decoder_dropout: float = 0.0
    deconv_kernel: int = 3
    last_kernel: int = 2
    initial_norm: bool = True  # BN and PReLU after the initial block
    decoder_conv: bool = True  # the 3x3 of the decoder's regular bottlenecks
    decoder_prelu: bool = False  # PReLU inside ext of the decoder (ReLU after the sum)
    skip_norm: bool = True  # BN after the 1x1 of main going up
    unpool: bool = True  # max-unpooling in main going up, else nearest
    same_padding: bool = False  # TensorFlow's "same": strided kernels start at the first pixel of even sizes


_PYTORCH = Style(
    epsilon=1e-5,
    bias=False,
    prelu_per_channel=False,
    initial_pool=3,
    squeeze_input=True,
    act_before_sum=True,
    act_before_sum_up=True,
    asymmetric_norm=True,
    decoder_dropout=0.1,
    deconv_kernel=2,
    last_kernel=3,
)
STYLES = {
    "paper": Style(),  # e-lab/ENet-training
    "pytorch": _PYTORCH,  # davidtvs/PyTorch-ENet; one PReLU weight at each activation
    "paddleseg": replace(_PYTORCH, act_before_sum_up=False),
    "keras": Style(  # the course's article, slips included
        momentum=0.1,
        initial_norm=False,
        decoder_conv=False,
        decoder_prelu=True,
        skip_norm=False,
        unpool=False,
        same_padding=True,
    ),
}


class Initial(nn.Layer):
    """3x3/2 convolution beside 2x2 max-pooling of the image, concatenated, BN, PReLU; 13 + 3 channels for RGB."""

    def __init__(self, in_channels: int, out_channels: int, style: Style) -> None:
        super().__init__()
        out_channels = max(out_channels, 2 * in_channels)  # with many bands, half of the map is still learned
        self.same_padding = style.same_padding
        self.conv = nn.Conv2D(
            in_channels,
            out_channels - in_channels,
            3,
            stride=2,
            padding=0 if style.same_padding else 1,
            bias_attr=None if style.bias else False,
        )
        side = style.initial_pool  # 2x2 rounds up to the convolution's size for odd images
        self.pool = nn.MaxPool2D(side, 2, padding=side // 3, ceil_mode=side == 2)
        self.bn = norm(out_channels, style) if style.initial_norm else nn.Identity()
        self.act = prelu(out_channels, style) if style.initial_norm else nn.Identity()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(pad_same(x) if self.same_padding else x)
        return self.act(self.bn(concat([y, self.pool(x)])))


class Bottleneck(nn.Layer):
    """Encoder bottleneck or regular decoder bottleneck; ``-> y`` or, going down, ``(y, Place)``.

    Args:
        down: halve the size.
        dilation: of the 3x3.
        asymmetric: 5x1 and 1x5 in place of the 3x3.
        dropout: of whole channels, at the end of ext.
        decoder: whether it stands there: ReLU after the sum, and in ext unless the style says otherwise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        style: Style,
        *,
        down: bool = False,
        dilation: int = 1,
        asymmetric: bool = False,
        dropout: float = 0.0,
        decoder: bool = False,
    ) -> None:
        super().__init__()
        inner = max(1, (in_channels if style.squeeze_input else out_channels) // 4)
        act = partial(activation, style=style, decoder=decoder)
        self.pool = IndexedMaxPool() if down else None
        self.extra_channels = out_channels - in_channels
        if self.extra_channels < 0:
            raise ConfigError(
                f"ENet pads {in_channels} channels to {out_channels}: too few; use a larger width for this in_channels."
            )
        side = 2 if down else 1
        squeeze: list[nn.Layer] = [
            norm_act(nn.Conv2D(in_channels, inner, side, stride=side, bias_attr=False), inner, act, style)
        ]
        conv: nn.Layer
        if asymmetric:
            first = nn.Conv2D(inner, inner, (5, 1), padding=(2, 0), bias_attr=False)
            squeeze.append(norm_act(first, inner, act, style) if style.asymmetric_norm else first)
            conv = nn.Conv2D(inner, inner, (1, 5), padding=(0, 2), bias_attr=None if style.bias else False)
        elif decoder and not style.decoder_conv:
            conv = nn.Identity()
        else:
            conv = nn.Conv2D(
                inner, inner, 3, padding=dilation, dilation=dilation, bias_attr=None if style.bias else False
            )
        self.ext = nn.Sequential(
            *squeeze,
            norm_act(conv, inner, act, style),
            expand(inner, out_channels, act if style.act_before_sum else None, style, dropout),
        )
        self.act = nn.ReLU() if decoder else prelu(out_channels, style)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Place]:
        main, place = (x, None) if self.pool is None else self.pool(x)
        if self.extra_channels:
            main = pad_channels(main, self.extra_channels)
        y = add(main, self.ext(x), self.act)
        return y if place is None else (y, place)


class UpBottleneck(nn.Layer):
    """Decoder bottleneck that doubles the size to that of a :class:`~paddleseg_lite.backbones.indexed.Place`."""

    def __init__(self, in_channels: int, out_channels: int, style: Style) -> None:
        super().__init__()
        inner = max(1, (in_channels if style.squeeze_input else out_channels) // 4)
        act = partial(activation, style=style, decoder=True)
        kernel, shift = style.deconv_kernel, 0 if style.same_padding else style.deconv_kernel // 3
        self.unpool, self.same_padding = style.unpool, style.same_padding
        if style.skip_norm:
            self.main: nn.Layer = ConvBNAct(
                in_channels, out_channels, 1, act=None, epsilon=style.epsilon, momentum=style.momentum
            )
        else:
            self.main = nn.Conv2D(in_channels, out_channels, 1, bias_attr=False)
        self.squeeze = norm_act(nn.Conv2D(in_channels, inner, 1, bias_attr=False), inner, act, style)
        self.deconv = nn.Conv2DTranspose(
            inner, inner, kernel, stride=2, padding=shift, output_padding=shift, bias_attr=None if style.bias else False
        )
        self.bn, self.act = norm(inner, style), act(inner)
        last_act = act if style.act_before_sum_up else None
        self.expand = expand(inner, out_channels, last_act, style, style.decoder_dropout)

    def forward(self, x: Tensor, place: Place) -> Tensor:
        main = self.main(x)
        main = place.restore(main) if self.unpool else resize(main, place.size, mode="nearest")
        ext = self.deconv(self.squeeze(x))
        if self.same_padding:  # the last row and column go
            ext = ext[:, :, : main.shape[2], : main.shape[3]]
        ext = fit_to(ext, main)  # an odd size lacks a row of zeros
        return add(main, self.expand(self.act(self.bn(ext))), relu)


def norm(channels: int, style: Style) -> BatchNorm:
    """The style's batch normalisation."""
    return BatchNorm(channels, epsilon=style.epsilon, momentum=style.momentum)


def activation(channels: int, style: Style, decoder: bool) -> nn.Layer:
    """What stands inside ext: PReLU in the encoder, ReLU in most decoders."""
    return prelu(channels, style) if style.decoder_prelu or not decoder else nn.ReLU()


def prelu(channels: int, style: Style) -> nn.PReLU:
    """PReLU from 0.25, a weight per channel or one for all."""
    return nn.PReLU(channels if style.prelu_per_channel else 1)


def norm_act(conv: nn.Layer, channels: int, act: Callable[[int], nn.Layer] | None, style: Style) -> nn.Sequential:
    """conv, BN and, unless ``act`` is None, activation."""
    layers = [conv, norm(channels, style)]
    return nn.Sequential(*layers, act(channels)) if act else nn.Sequential(*layers)


def expand(
    inner: int, out_channels: int, act: Callable[[int], nn.Layer] | None, style: Style, dropout: float
) -> nn.Layer:
    """The last 1x1 of ext, with dropout of whole channels."""
    layers = norm_act(nn.Conv2D(inner, out_channels, 1, bias_attr=False), out_channels, act, style)
    return nn.Sequential(layers, nn.Dropout2D(dropout)) if dropout else layers


def pad_same(x: Tensor) -> Tensor:
    """Zeros around ``[N, C, H, W]`` so that a 3x3/2 convolution without padding is TensorFlow's "same"."""
    height, width = x.shape[2:]
    return F.pad(x, [width % 2, 1, height % 2, 1])  # an even side needs one pixel, at its end


def pad_channels(x: Tensor, count: int) -> Tensor:
    """Append ``count`` channels of zeros."""
    n, _, height, width = x.shape
    return concat([x, paddle.zeros([n, count, height, width], dtype=x.dtype)])
