"""From ``{"type": "UNet", "num_classes": 11}`` to a network with its weights in place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
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
    empty = [name for name, p in model.named_parameters() if 0 in p.shape]
    if empty:
        raise ConfigError(f"model {spec}: '{empty[0]}' would be empty. A width or number among its arguments is 0.")
    if model.pretrained:
        if not isinstance(model.pretrained, (str, os.PathLike)):
            raise ConfigError(f"model.pretrained is a path or an address of weights, but got {model.pretrained!r}.")
        apply_pretrained(model, str(model.pretrained))
    return model
