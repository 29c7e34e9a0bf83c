"""GCU network: Beyond Grids, Learning Graph Representations for Visual Recognition.

Li, Gupta, NeurIPS 2018.

    backbone    ResNet at output stride 8: C4 = 2048
    reduction   1x1 2048 -> 256, BN, ReLU
    units       four graphs of 2, 4, 8, 32 nodes side by side: :mod:`paddleseg_lite.graph.gcu`
    fusion      [X, X2, X4, X8, X32] 1280 -> 1x1 256, BN, ReLU
    classifier  dropout 0.1, 1x1 256 -> K; bilinear x8
    aux         3x3 on stage 3, in training; loss = main + 0.4 aux

Open in what we could read of the paper: the reduced width, whether X itself is
in the concatenation, the training schedule. The figures above are those of a
public re-implementation, the fusion is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..backbones.base import Backbone
from ..registry import MODELS, Spec
from .unit_network import UnitNetwork


@MODELS.register(small={"backbone": {"type": "ResNet18", "width": 0.125}, "reduce_channels": 16, "num_nodes": [2, 4]})
class GCUNet(UnitNetwork):
    """GCU network for K classes.

    Args:
        backbone: ResNet at output stride 8 unless it says otherwise.
        reduce_channels, reduce_kernel: of the convolution before the units.
        num_nodes: nodes of each graph.
        unit: further arguments of the unit, e.g. ``{adj_norm: none, init: kmeans}``.
        aux: auxiliary head on stage 3.
        dropout: before the classifier and in the auxiliary head.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        backbone: Backbone | Spec = "ResNet50",
        in_channels: int = 3,
        reduce_channels: int = 256,
        reduce_kernel: int = 1,
        num_nodes: Sequence[int] = (2, 4, 8, 32),
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
        self.build_encoder(backbone, context, output_stride=8)
        self.build_head(
            {"type": "GCU", "num_nodes": num_nodes, **(unit or {})},
            reduce_channels=reduce_channels,
            reduce_kernel=reduce_kernel,
            dropout=dropout,
            aux=aux,
        )
