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

    Side outputs (``presence``, ``regions``) are those of the last one.

    Args:
        in_channels: C.
        unit: what is repeated, as written in YAML.
        depth: how often.
        shared: one set of weights for all of them, so that a look-up learned once serves at every depth.
        num_classes: K, for a unit that needs it (GINet, OCR).

    Raises:
        ConfigError: depth below 1, or a unit that changes the channels.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        unit: Match = "NonLocal",
        depth: int = 2,
        shared: bool = False,
        num_classes: int | None = None,
    ) -> None:
        super().__init__(in_channels)
        if depth < 1:
            raise ConfigError(f"Stack: depth must be at least 1, got {depth}.")
        built = [build_matched(unit, in_channels, num_classes) for _ in range(1 if shared else depth)]
        self.units, self.depth = nn.LayerList(built), depth
        if self.units[0].out_channels != in_channels:
            raise ConfigError(f"Stack: {type(self.units[0]).__name__} changes the channels and cannot be repeated.")
        self.starts_as_identity = self.units[0].starts_as_identity
        self.sees_whole_map = self.units[0].sees_whole_map

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        extras: dict[str, Tensor] = {}
        for step in range(self.depth):
            x, extras = self.units[step % len(self.units)](x)
        return x, extras

    def side_losses(self) -> dict[str, dict[str, Any]]:
        return self.units[-1].side_losses()

    def macs(self, height: int, width: int) -> int:
        return self.depth * self.units[0].macs(height, width)
