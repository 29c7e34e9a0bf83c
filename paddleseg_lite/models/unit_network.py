"""What the published graph networks share: a dilated ResNet, one context unit, a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paddle import Tensor, nn

from .. import graph  # noqa: F401  (registers the units)
from ..layers import ConvBNAct, FCNHead, make_dropout
from ..registry import CONTEXTS
from .base import Segmentor


class UnitNetwork(Segmentor):
    """backbone -> reduction (conv, BN, ReLU) -> unit -> dropout -> 1x1 classifier; auxiliary head on stage 3.

    What the unit gives besides its map (``"presence"``) joins the outputs in training.
    A subclass calls ``build_encoder`` and then :meth:`build_head`.
    """

    unit: nn.Layer

    def build_head(
        self,
        unit: Mapping[str, Any],
        *,
        channels: int | None = None,
        reduce_channels: int,
        reduce_kernel: int,
        dropout: float,
        aux: bool,
        aux_bias: bool = False,
    ) -> None:
        """Build everything behind the backbone.

        Args:
            unit: ``{type, ...}`` of a registered context unit.
            channels: of the map that :meth:`deep_map` gives; the deep map's unless told.
            reduce_channels, reduce_kernel: of the convolution in front of the unit.
            dropout: before the classifier and in the auxiliary head.
            aux, aux_bias: whether there is an auxiliary head, and a bias on its 3x3.
        """
        self.reduce = ConvBNAct(channels or self.deep_channels, reduce_channels, reduce_kernel)
        self.unit = CONTEXTS.build(unit, offered={"in_channels": reduce_channels, "num_classes": self.num_classes})
        self.dropout = make_dropout(dropout)
        self.classifier = nn.Conv2D(self.unit.out_channels, self.num_classes, 1)
        self.aux_head = None
        if aux:
            stage3 = self.backbone.out_channels[-2]
            self.aux_head = FCNHead(stage3, self.num_classes, bias=aux_bias, dropout=dropout)

    def deep_map(self, features: Sequence[Any]) -> Tensor:
        """The map that the reduction receives."""
        return features[-1]

    def side_losses(self) -> dict[str, dict[str, Any]]:
        return {**super().side_losses(), **self.unit.side_losses()}

    def decode(self, features: Sequence[Any], x: Tensor) -> dict[str, Tensor]:
        y, extras = self.unit(self.reduce(self.deep_map(features)))
        outputs = {"out": self.classifier(self.dropout(y))}
        if self.training:
            outputs.update(extras)
            if self.aux_head is not None:
                outputs["aux"] = self.aux_head(features[-2])
        return outputs
