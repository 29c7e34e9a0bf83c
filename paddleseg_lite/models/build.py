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
        spec: ``{"type": NAME, **arguments}`` or the name. ``pretrained`` is a path, an address or a name of weights
            (:func:`~paddleseg_lite.weights.apply_pretrained`); ``{path: output/run, part: backbone}`` takes the
            backbone alone, also of a run whose whole network would fit.
        **offered: arguments used where ``spec`` does not set them
            (``num_classes`` from the dataset, say).

    Raises:
        ConfigError: unknown type or argument, with the nearest match.
        CheckpointError: ``pretrained`` is given and fills less than 95 % of the
            backbone; the share is logged otherwise.
    """
    part = None
    if isinstance(spec, Mapping) and isinstance(spec.get("pretrained"), Mapping):
        path, part = _path_and_part(spec["pretrained"])
        spec = {**spec, "pretrained": path}
    model = MODELS.build(spec, offered=offered).name_layers()
    empty = [name for name, p in model.named_parameters() if 0 in p.shape]
    if empty:
        raise ConfigError(f"model {spec}: '{empty[0]}' would be empty. A width or number among its arguments is 0.")
    if model.pretrained:
        if not isinstance(model.pretrained, (str, os.PathLike)):
            raise ConfigError(f"model.pretrained is a path or an address of weights, but got {model.pretrained!r}.")
        apply_pretrained(model, str(model.pretrained), part=part)
    return model


def _path_and_part(pretrained: Mapping[str, Any]) -> tuple[str, str | None]:
    """``{path: FILE, part: backbone}``, checked."""
    path, part = pretrained.get("path"), pretrained.get("part")
    if set(pretrained) - {"path", "part"} or not isinstance(path, (str, os.PathLike)) or part not in (None, "backbone"):
        raise ConfigError(
            f"model.pretrained is a path, or {{path: FILE, part: backbone}}, but got {dict(pretrained)!r}."
        )
    return str(path), part
