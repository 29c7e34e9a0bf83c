"""From ``{"type": "UNet", "num_classes": 11}`` to a network with its weights in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import MODELS
from .base import Segmentor


def build_model(spec: Mapping[str, Any] | str, **offered: Any) -> Segmentor:
    """Build a network.

    Args:
        spec: ``{"type": NAME, **arguments}`` or the name.
        **offered: arguments used where ``spec`` does not set them
            (``num_classes`` from the dataset, say).

    Raises:
        ConfigError: unknown type or argument, with the nearest match.
    """
    return MODELS.build(spec, offered=offered).name_layers()
