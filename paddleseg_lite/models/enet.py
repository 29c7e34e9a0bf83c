"""ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation.

Paszke, Chaurasia, Kim, Culurciello, 2016, arXiv:1606.02147.

A small network with a large encoder and a small decoder, all of bottlenecks
(enet_blocks.py). Output sizes for 512 x 512, table 1 of the paper:

    initial     3x3/2 convolution beside max-pooling          16 x 256
    stage 1     1.0 down, 1.1-1.4                             64 x 128
    stage 2     2.0 down, 2.1-2.8                             128 x 64
    stage 3     3.0-3.7, as 2.1-2.8                           128 x 64
    stage 4     4.0 up (places of 2.0), 4.1, 4.2              64 x 128
    stage 5     5.0 up (places of 1.0), 5.1                   16 x 256
    fullconv    deconvolution by 2                            K x 512

2.1-2.8 are: regular, dilated 2, asymmetric 5, dilated 4, regular, dilated 8,
asymmetric 5, dilated 16. Dropout of whole channels is 0.01 in stage 1 and 0.1 in
stages 2 and 3.

``style``: ``paper`` (the authors' Lua), ``pytorch`` (davidtvs), ``paddleseg`` or ``keras``
(the course's article); enet_blocks.STYLES lists what differs. For odd sizes the places of each pooling
carry its input size; a row or column that pooling dropped comes back as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from paddle import Tensor, nn

from ..backbones.base import FeatureMaps
from ..backbones.indexed import IndexedBackbone, Place
from ..backbones.vgg import scale_width
from ..errors import ConfigError
from ..layers import fit_to, run
from ..registry import MODELS, Spec
from .base import Segmentor
from .enet_blocks import STYLES, Bottleneck, Initial, Style, UpBottleneck
from .styles import pick

SECTION: tuple[dict[str, Any], ...] = (
    {},
    {"dilation": 2},
    {"asymmetric": True},
    {"dilation": 4},
    {},
    {"dilation": 8},
    {"asymmetric": True},
    {"dilation": 16},
)


@MODELS.register(small={"width": 0.25})
class ENet(Segmentor):
    """ENet for K classes.

    Args:
        style: ``"paper"``, ``"pytorch"``, ``"paddleseg"`` or ``"keras"``.
        decoder_upsample: ``"unpool"`` or ``"nearest"`` in the main branches going up; by default
            what the style has: unpooling, but for ``"keras"``.
        encoder_only: a 1x1 classifier on stage 3 and no decoder: the first half of
            the authors' training, on labels at 1/8.
        width: multiplies all widths.
        native_output: leave train outputs of ``encoder_only`` at 1/8.

    """

    smallest = 7  # pixels that survive being halved three times

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 3,
        style: str = "paper",
        decoder_upsample: str | None = None,
        encoder_only: bool = False,
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
        if decoder_upsample not in (None, "unpool", "nearest"):
            raise ConfigError(f"decoder_upsample '{decoder_upsample}' is unknown; 'unpool' or 'nearest'.")
        unpool = None if decoder_upsample is None else decoder_upsample == "unpool"
        s = pick(STYLES, style, owner="ENet", unpool=unpool)
        self.build_encoder(ENetEncoder(in_channels, width, s), context)
        if encoder_only:
            self.decoder, self.classifier = None, nn.Conv2D(self.deep_channels, num_classes, 1)
        else:
            self.decoder = ENetDecoder(self.deep_channels, self.backbone.pooled_channels, num_classes, s)

    def decode(self, features: FeatureMaps, x: Tensor) -> dict[str, Tensor]:
        if self.decoder is None:
            return {"out": self.classifier(features[-1])}  # [N, K, H/8, W/8]
        place1, place2, _ = features.places
        y = self.decoder(features[-1], place1, place2)
        return {"out": fit_to(y, x)}  # an odd size has a row or column less


class ENetEncoder(IndexedBackbone):
    """Stages 1 to 3, the first with the initial block: strides 4, 8, 8; widths 64, 128, 128."""

    def __init__(self, in_channels: int, width: float, style: Style) -> None:
        super().__init__()
        w1, w2 = scale_width(64, width), scale_width(128, width)
        initial = Initial(in_channels, scale_width(16, width), style)
        down1 = Bottleneck(initial.out_channels, w1, style, down=True, dropout=0.01)
        stage1 = [Bottleneck(w1, w1, style, dropout=0.01) for _ in range(4)]
        down2 = Bottleneck(w1, w2, style, down=True, dropout=0.1)
        stage2, stage3 = ([Bottleneck(w2, w2, style, dropout=0.1, **kind) for kind in SECTION] for _ in range(2))
        self.stages = nn.LayerList([Stage(initial, down1, *stage1), Stage(down2, *stage2), Stage(*stage3)])
        self.out_channels, self.strides = [w1, w2, w2], [4, 8, 8]
        self.pooled_channels = [initial.out_channels, w1]


class Stage(nn.Sequential):
    """Blocks in a row; ``-> (y, Place)`` of the one that pools, if one does."""

    def forward(self, x: Tensor) -> tuple[Tensor, Place | None]:
        place = None
        for block in self.children():
            x = run(block, x)
            if isinstance(x, tuple):
                x, found = x
                place = found or place
        return x, place

    def blocks_to_recompute(self) -> list[nn.Layer]:
        """Those that do not pool: where the others pooled is needed once more, and must not be computed twice."""
        return [block for block in self.children() if isinstance(block, Bottleneck) and block.pool is None]


class ENetDecoder(nn.Layer):
    """Stages 4, 5 and the last deconvolution, to logits of the image's size."""

    drawn_in_parts = True

    def __init__(self, in_channels: int, pooled_channels: Sequence[int], num_classes: int, style: Style) -> None:
        super().__init__()
        w0, w1 = pooled_channels  # 16, 64: unpooling returns to what was pooled
        regular = partial(Bottleneck, style=style, dropout=style.decoder_dropout, decoder=True)
        self.up4 = UpBottleneck(in_channels, w1, style)
        self.stage4 = Stage(regular(w1, w1), regular(w1, w1))
        self.up5 = UpBottleneck(w1, w0, style)
        self.stage5 = Stage(regular(w0, w0))
        kernel = style.last_kernel
        self.fullconv = nn.Conv2DTranspose(
            w0,
            num_classes,
            kernel,
            stride=2,
            padding=kernel // 3,
            output_padding=kernel // 3,
            bias_attr=None if style.bias else False,
        )

    def forward(self, x: Tensor, place1: Place, place2: Place) -> Tensor:
        x, _ = self.stage4(self.up4(x, place2))
        x, _ = self.stage5(self.up5(x, place1))
        return self.fullconv(x)


@MODELS.register(small={"width": 0.25})
def enet_course(
    *,
    num_classes: int,
    in_channels: int = 3,
    width: float = 1.0,
    faithful: bool = False,
    context: Spec | None = None,
    pretrained: str | None = None,
) -> ENet:
    """The course's Keras ENet: repaired, or (``faithful``) as the article computes it, to 1e-5.

    Both enlarge by nearest in the main branches of the decoder. At 11 classes the article's has 358,907
    parameters; the repaired one is the paper's in everything else, with 363,791:

        +48     BN and PReLU after the initial block
        +4,788  the decoder's three regular 3x3 convolutions, whose result the article throws away
        -112    ReLU in place of the ten PReLUs inside the decoder's ext branches
        +160    BN on the 1x1 of the decoder's two skips
        0       the 3x3 of stride 2 in the initial block and the 3x3 deconvolutions centred as in the paper; the
                article's (Keras "same") lie one pixel further down and right on even sizes
        0       BN momentum 0.9; the article's 0.1 lets the last batch decide the statistics

    The article takes sides that divide by 8; here ``faithful`` takes others too, with Keras's rule for "same".
    """
    return ENet(
        num_classes=num_classes,
        in_channels=in_channels,
        style="keras" if faithful else "paper",
        decoder_upsample="nearest",
        width=width,
        context=context,
        pretrained=pretrained,
    )
