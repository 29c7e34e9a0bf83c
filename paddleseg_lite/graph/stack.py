"""A context unit several times in a row: as many looks at the picture as it is deep.

Source: none of its own; Wang et al. put up to ten non-local blocks into a network (CVPR 2018, arXiv:1711.07971).
"""

from __future__ import annotations

from typing import Any

from paddle import Tensor, nn

from ..errors import ConfigError
from ..registry import CONTEXTS
from .base import ContextUnit
from .matching import Match, build_matched


@CONTEXTS.register(small={"unit": {"type": "NonLocal", "pool": True}})
class Stack(ContextUnit):
    """``unit(unit(... x))``, each with weights of its own; ``[N, C, H, W] -> [N, C, H, W]``.

    Side outputs (``presence``, ``regions``) are those of the last one. With ``supervise`` each earlier one has a
    classifier of its own (``depth1``, ``depth2``, ...; Lee et al., Deeply-Supervised Nets, AISTATS 2015): a reason to
    have done its look-up by then, which gradients from the end alone do not give (docs/graph_reasoning.md).

    Args:
        in_channels: C.
        unit: what is repeated, as written in YAML.
        depth: how often.
        shared: one set of weights for all of them, so that a look-up learned once serves at every depth.
        supervise: K logits ``[N, K, H, W]`` behind each unit but the last, for the loss in training.
        num_classes: K, for ``supervise`` and for a unit that needs it (GINet, OCR).

    Raises:
        ConfigError: depth below 1, a unit that changes the channels, or ``supervise`` without ``num_classes``.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        unit: Match = "NonLocal",
        depth: int = 2,
        shared: bool = False,
        supervise: bool = False,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(in_channels)
        if depth < 1:
            raise ConfigError(f"Stack: depth must be at least 1, got {depth}.")
        built = [build_matched(unit, in_channels, num_classes) for _ in range(1 if shared else depth)]
        self.units, self.depth = nn.LayerList(built), depth
        if self.units[0].out_channels != in_channels:
            raise ConfigError(f"Stack: {type(self.units[0]).__name__} changes the channels and cannot be repeated.")
        self.heads = nn.LayerList()
        if supervise:
            if num_classes is None:
                raise ConfigError("Stack: supervise needs num_classes.")
            for _ in range(depth - 1):
                self.heads.append(nn.Conv2D(in_channels, num_classes, 1))
        self.starts_as_identity = self.units[0].starts_as_identity
        self.sees_whole_map = self.units[0].sees_whole_map

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        extras: dict[str, Tensor] = {}
        early: dict[str, Tensor] = {}
        for step in range(self.depth):
            x, extras = self.units[step % len(self.units)](x)
            if self.training and step < len(self.heads):
                early[f"depth{step + 1}"] = self.heads[step](x)
        return x, {**extras, **early}

    def side_losses(self) -> dict[str, dict[str, Any]]:
        early = {f"depth{step + 1}": {"type": "CrossEntropyLoss", "coef": 0.4} for step in range(len(self.heads))}
        return {**self.units[-1].side_losses(), **early}

    def macs(self, height: int, width: int) -> int:
        return self.depth * self.units[0].macs(height, width)
