"""GINet: Graph Interaction Network for Scene Parsing.

Wu, Lu, Zhu, Zhang, Wu, Ma, Guo, ECCV 2020, arXiv:2009.06160.

    backbone    ResNet at output stride 8: C4 = 2048
    jpu         (option) stages 2 to 4 joined into 2048 channels: :mod:`paddleseg_lite.layers.jpu`
    reduction   3x3 2048 -> 512, BN, ReLU
    unit        84 visual nodes and K class nodes of 256 states: :mod:`paddleseg_lite.graph.ginet`
    classifier  dropout 0.1, 1x1 512 -> K; bilinear x8
    presence    is class m in the image? (SC-loss), in training
    aux         3x3 on stage 3, in training
    loss        main + 0.2 presence + 0.4 aux (weights not verified for the paper)

``style="paddleseg"`` is PaddleSeg's graph with its defects: vd ResNet, JPU,
align_corners; class embeddings all zero, so that the semantic graph carries no
class information; no presence output, so that the branch to it is dead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paddle import Tensor

from ..backbones.base import Backbone
from ..layers import JPU
from ..registry import MODELS, Spec
from .styles import pick
from .unit_network import UnitNetwork


@dataclass(frozen=True)
class Style:
    """What tells the published GINet networks apart, beside the unit."""

    backbone: str = "ResNet50"
    jpu: bool = False
    align_corners: bool = False


STYLES = {"paper": Style(), "paddleseg": Style(backbone="ResNet50_vd", jpu=True, align_corners=True)}


@MODELS.register(
    small={"backbone": {"type": "ResNet18", "width": 0.125}, "reduce_channels": 16, "num_state": 16, "num_nodes": 8}
)
class GINet(UnitNetwork):
    """GINet for K classes; in train mode also ``"presence" [N, K]`` logits.

    Args:
        style: ``"paper"`` or ``"paddleseg"``; ``jpu`` and ``align_corners`` default to the style's.
        backbone: ResNet at output stride 8 unless it says otherwise.
        jpu: join stages 2 to 4 before the reduction.
        jpu_width: of each of its branches.
        reduce_channels: width of the 3x3 convolution before the unit.
        num_state, num_nodes: of the visual graph (PaddleSeg's figures).
        class_embeddings, class_names, presence: of the unit.
        unit: further arguments of the unit, e.g. ``{learnable: true}``.
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
        jpu: bool | None = None,
        jpu_width: int = 512,
        reduce_channels: int = 512,
        num_state: int = 256,
        num_nodes: int = 84,
        class_embeddings: Any = None,
        class_names: Sequence[str] | None = None,
        presence: bool = True,
        unit: Mapping[str, Any] | None = None,
        aux: bool = True,
        dropout: float = 0.1,
        align_corners: bool | None = None,
        context: Spec | None = None,
        pretrained: str | None = None,
    ) -> None:
        s = pick(STYLES, style, owner="GINet", jpu=jpu, align_corners=align_corners)
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, align_corners=s.align_corners, pretrained=pretrained
        )
        self.build_encoder(backbone or s.backbone, context, output_stride=8)
        self.jpu = None
        if s.jpu:
            self.jpu = JPU([*self.backbone.out_channels[-3:-1], self.deep_channels], width=jpu_width)
        arguments = {
            "num_state": num_state,
            "num_nodes": num_nodes,
            "class_embeddings": class_embeddings,
            "class_names": class_names,
            "presence": presence,
            "style": style,
        }
        self.build_head(
            {"type": "GINet", **arguments, **(unit or {})},
            channels=None if self.jpu is None else self.jpu.out_channels,
            reduce_channels=reduce_channels,
            reduce_kernel=3,
            dropout=dropout,
            aux=aux,
        )

    def deep_map(self, features: Sequence[Any]) -> Tensor:
        return features[-1] if self.jpu is None else self.jpu(features[-3:])
