"""Parts of a network that stay as they are: a recipe's ``freeze``."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import nn

from ..errors import ConfigError, nearest
from .norm import freeze_bn


def freeze(model: nn.Layer, parts: str | Sequence[str] | None) -> int:
    """Freeze parts of a network: their parameters get no gradient, and their norms keep and use running statistics.

    Args:
        model: a network.
        parts: ``backbone``, or any sub-layer by its dotted name (``backbone.stage1``), or several; None: nothing.

    Returns:
        The number of parameters frozen.

    Raises:
        ConfigError: there is no such part, or nothing would be left to train.
    """
    names = [] if parts is None else [parts] if isinstance(parts, str) else list(parts)
    layers = dict(model.named_sublayers())
    frozen = 0
    for name in names:
        if name not in layers:
            own = [key for key in layers if "." not in key]
            raise ConfigError(
                f"freeze: {type(model).__name__} has no part '{name}'.{nearest(str(name), layers)} "
                f"Its parts are {', '.join(own)}."
            )
        for parameter in layers[name].parameters():
            parameter.stop_gradient = True
            frozen += 1
        freeze_bn(layers[name])
    if names and all(p.stop_gradient for p in model.parameters()):
        raise ConfigError(f"freeze: {', '.join(names)} is all of {type(model).__name__}: nothing is left to train.")
    return frozen
