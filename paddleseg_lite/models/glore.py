"""GloRe network: Graph-Based Global Reasoning Networks for segmentation.

Chen, Rohrbach, Yan, Shuicheng, Feng, Kalantidis, CVPR 2019, arXiv:1811.12814.

    backbone    ResNet at output stride 8: C4 = 2048
    reduction   1x1 2048 -> 512, BN, ReLU (3x3: ``reduce_kernel=3``)
    unit        GloRe, 64 nodes of 128 states: :mod:`paddleseg_lite.graph.glore`
    classifier  dropout 0.1, 1x1 512 -> K; bilinear x8
    aux         3x3 on stage 3, in training; loss = main + 0.4 aux

``style="paddleseg"`` is PaddleSeg's graph: vd ResNet, ReLU after the second
graph convolution, no division by the number of pixels, last BN at one, bias in
the auxiliary head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..backbones.base import Backbone
from ..registry import MODELS, Spec
from .styles import pick
from .unit_network import UnitNetwork


@dataclass(frozen=True)
class Style:
    """What tells the published GloRe networks apart."""

    backbone: str = "ResNet50"
    aux_bias: bool = False
    unit: Mapping[str, Any] = field(default_factory=dict)


_PADDLESEG_UNIT = {"order": "paddleseg", "normalize": False, "zero_init": False}
STYLES = {"paper": Style(), "paddleseg": Style(backbone="ResNet50_vd", aux_bias=True, unit=_PADDLESEG_UNIT)}


@MODELS.register(
    small={"backbone": {"type": "ResNet18", "width": 0.125}, "reduce_channels": 16, "num_state": 16, "num_nodes": 8}
)
class GloRe(UnitNetwork):
    """GloRe network for K classes.

    Args:
        style: ``"paper"`` or ``"paddleseg"``.
        backbone: ResNet at output stride 8 unless it says otherwise.
        reduce_channels, reduce_kernel: of the convolution before the unit.
        num_state, num_nodes: of the unit.
        unit: further arguments of the unit, e.g. ``{normalize: false}``.
        aux: auxiliary head on stage 3.
        dropout: before the classifier and in the auxiliary head.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec | None = None,
        in_channels: int = 3,
        style: str = "paper",
        reduce_channels: int = 512,
        reduce_kernel: int = 1,
        num_state: int = 128,
        num_nodes: int = 64,
        unit: Mapping[str, Any] | None = None,
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=align_corners, pretrained=pretrained
        )
        s = pick(STYLES, style, owner="GloRe")
        self.build_encoder(backbone or s.backbone, context, output_stride=8)
        self.build_head(
            {"type": "GloRe", "num_state": num_state, "num_nodes": num_nodes, **s.unit, **(unit or {})},
            reduce_channels=reduce_channels,
            reduce_kernel=reduce_kernel,
            dropout=dropout,
            aux=aux,
            aux_bias=s.aux_bias,
        )
