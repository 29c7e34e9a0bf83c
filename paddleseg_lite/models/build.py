"""From ``{"type": "UNet", "num_classes": 11}`` to a network with its weights in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..registry import MODELS
from ..weights import apply_pretrained
from .base import Segmentor


def build_model(spec: Mapping[str, Any] | str, **offered: Any) -> Segmentor:
    """Build a network.

    Args:
        spec: ``{"type": NAME, **arguments}`` or the name.
        **offered: arguments used where ``spec`` does not set them
            (``num_classes`` from the dataset, say).

    Raises:
        ConfigError: unknown type or argument, with the nearest match.
        CheckpointError: ``pretrained`` is given and fills less than 95 % of the
            backbone; the share is logged otherwise.
    """
    model = MODELS.build(spec, offered=offered).name_layers()
    if model.pretrained:
        apply_pretrained(model, str(model.pretrained))
    return model
