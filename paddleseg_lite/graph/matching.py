"""How a control gets the parameter count of the unit it stands against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Union

import paddle

from ..errors import ConfigError
from ..registry import CONTEXTS
from .base import ContextUnit, count_parameters

TOLERANCE = 0.01  # of the parameter count
Match = Union[Mapping[str, Any], str]


def build_matched(match: Match, in_channels: int, num_classes: int | None, **extra: Any) -> ContextUnit:
    """Build the unit a control stands against."""
    spec = {"type": match} if isinstance(match, str) else dict(match)
    offered = {"in_channels": in_channels, "num_classes": num_classes}
    return CONTEXTS.build({**spec, **extra}, offered={k: v for k, v in offered.items() if v is not None})


def matched_widths(target: int, channels: int, cost: Callable[[int, int], int]) -> tuple[int, int]:
    """Two hidden widths of C -> h1 -> h2 -> C whose parameters come within 1 % of ``target``.

    Of the pairs within 0.2 % (or failing that, 1 %) the most balanced one.

    Args:
        cost: ``f(h1, h2)``, the parameter count.

    Raises:
        ConfigError: no pair comes close enough.
    """
    options = []
    for h1 in range(1, target // channels + 2):
        per_width = cost(h1, 2) - cost(h1, 1)
        h2 = max(1, round((target - cost(h1, 1)) / per_width) + 1)
        options.append((abs(cost(h1, h2) - target) / target, max(h1, h2) / min(h1, h2), h1, h2))
    for limit in (TOLERANCE / 5, TOLERANCE):
        close = [(ratio, h1, h2) for error, ratio, h1, h2 in options if error <= limit]
        if close:
            _, h1, h2 = min(close)
            return h1, h2
    raise ConfigError(
        f"no block of {channels} channels has {target:,} parameters (+-1 %): the matched unit is too small; "
        "give it more nodes or states, or narrow the feature map with 'reduce'."
    )


def matched_target(match: Match, in_channels: int, num_classes: int | None) -> int:
    """Trainable parameters of the matched unit; leaves the random state as it was."""
    state = paddle.get_rng_state()
    try:
        return count_parameters(build_matched(match, in_channels, num_classes))
    finally:
        paddle.set_rng_state(state)
