"""The slot that puts any context unit into any network (``context:`` in YAML)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paddle import Tensor, nn

from .. import graph  # noqa: F401  (fills CONTEXTS)
from ..backbones.base import AfterStage
from ..errors import ConfigError
from ..layers import ConvBNAct, add
from ..registry import CONTEXTS

AUTO_REDUCE = 512


class ContextSlot(nn.Layer):
    """Places one context unit: on the deepest map before the head, or after a backbone stage.

    Written as ``{type, position: deep | stage1.., reduce: d | null, **unit arguments}``.
    At ``deep`` the map first passes ``1x1 C -> d, BN, ReLU`` (by default to 512
    where C is larger, and not at all otherwise), then the unit, and the head is
    built for d channels. At ``stageN`` there is no reduction and the unit is
    wrapped as ``x + scale * (unit(x) - x)`` with ``scale`` starting at 0, where it
    is not the identity at first by itself: the network starts as if the unit were
    not there.

    Args:
        spec: the slot as written; ``None`` for an empty slot.
        channels: channels of each stage.
        num_classes: offered to units with a node per class.
    """

    def __init__(self, spec: Mapping[str, Any] | str | None, *, channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.stage: int | None = None  # None: the deepest map
        self.unit = self.reduce = self.scale = None
        self.out_channels = channels[-1]
        if spec is None:
            return
        spec = {"type": spec} if isinstance(spec, str) else dict(spec)
        position = spec.pop("position", "deep")
        reduce = spec.pop("reduce", "auto")
        if position == "deep":
            width = channels[-1]
            if reduce == "auto":
                reduce = AUTO_REDUCE if width > AUTO_REDUCE else None
            if reduce is not None:
                self.reduce = ConvBNAct(width, reduce, 1)
                width = reduce
        else:
            names = [f"stage{i + 1}" for i in range(len(channels))]
            if position not in names:
                raise ConfigError(f"context position '{position}' does not exist; one of: deep, {', '.join(names)}.")
            if reduce not in ("auto", None):
                raise ConfigError(f"context 'reduce' applies at position deep only, not at {position}.")
            self.stage = names.index(position)
            width = channels[self.stage]
        offered = {"num_classes": num_classes, "in_channels": width}
        self.unit = CONTEXTS.build(spec, offered=offered)
        if self.stage is not None and not getattr(self.unit, "starts_as_identity", False):
            self.scale = self.create_parameter([1], default_initializer=nn.initializer.Constant(0.0))
        if position == "deep":
            self.out_channels = getattr(self.unit, "out_channels", width)

    def after_stage(self, extras: dict[str, Tensor]) -> AfterStage | None:
        """What a backbone's ``forward`` shall call after each stage; None without a unit there.

        Args:
            extras: receives side outputs, as in :meth:`deep`.
        """
        if self.stage is None:
            return None

        def apply(index: int, x: Tensor) -> Tensor:
            return self._blended(x, extras) if index == self.stage else x

        return apply

    def deep(self, x: Tensor, extras: dict[str, Tensor]) -> Tensor:
        """Apply the unit to the deepest map ``[N, C, h, w] -> [N, out_channels, h, w]``.

        Args:
            x: the map.
            extras: receives the unit's side outputs, named after the slot (``context_presence``).
        """
        if self.unit is None or self.stage is not None:
            return x
        return self._run(x if self.reduce is None else self.reduce(x), extras)

    def _blended(self, x: Tensor, extras: dict[str, Tensor]) -> Tensor:
        y = self._run(x, extras)
        return y if self.scale is None else add(x, self.scale * (y - x))

    def _run(self, x: Tensor, extras: dict[str, Tensor]) -> Tensor:
        assert self.unit is not None
        y, side = self.unit(x)
        extras.update({f"context_{name}": value for name, value in side.items()})
        return y

    def side_losses(self) -> dict[str, dict[str, Any]]:
        """The usual losses of those outputs."""
        losses = getattr(self.unit, "side_losses", dict)  # a unit of a user's own need have none
        own: dict[str, dict[str, Any]] = losses()
        return {f"context_{name}": loss for name, loss in own.items()}
