"""A tree of plain values into a :class:`Config`, each value checked for type and range."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from .filling import Where, fill
from .listed_losses import translate_loss
from .schema import CHOICES, POSITIVE, Config


def parse_config(
    tree: Mapping[str, Any], *, origins: Mapping[str, str] | None = None, source: str = "config"
) -> Config:
    """Turn nested mappings into a :class:`Config`; unknown keys and wrong types are errors."""
    tree = copy.deepcopy(dict(tree))
    where = Where(origins or {}, source)
    if "model" not in tree:
        raise ConfigError(f"{source}: there is no 'model'. Write at least model: {{type: UNet}}.")
    if "loss" in tree:  # the main output is always trained: a loss for another one comes on top
        tree["loss"] = {**Config(model={}).loss, **translate_loss(tree["loss"], where)}
    for key in ("optimizer", "lr_scheduler"):  # `--opts optimizer.momentum=0.8` alone keeps the default type
        if isinstance(tree.get(key), dict) and "type" not in tree[key]:
            tree[key] = {**getattr(Config(model={}), key), **tree[key]}
    config = fill(Config, tree, "", where)
    for key, allowed in CHOICES.items():
        value = getattr(config, key)
        if value not in allowed:
            raise ConfigError(f"{where(key)}: {key} is '{value}'; one of {', '.join(map(str, allowed))}.")
    for key in POSITIVE:
        value = getattr(config, key)
        if value is not None and value < 1:
            raise ConfigError(f"{where(key)}: {key} must be at least 1, got {value}.")
    if config.iters is not None and config.epochs is not None:
        both = f"iters={config.iters}, epochs={config.epochs}"
        raise ConfigError(f"{where('epochs')}: give iters or epochs, not both ({both}).")
    if not 0 <= config.seed < 2**32:
        raise ConfigError(f"{where('seed')}: seed must be between 0 and 2**32 - 1, got {config.seed}.")
    if not 0 <= config.ema_decay < 1:
        raise ConfigError(f"{where('ema_decay')}: ema_decay must be between 0 and 1, got {config.ema_decay}.")
    _check_class_weights(config.class_weights, where("class_weights"))
    if config.num_workers < 0:
        raise ConfigError(f"{where('num_workers')}: num_workers must be 0 or more, got {config.num_workers}.")
    return config


def _check_class_weights(weights: Any, where: str) -> None:
    if isinstance(weights, list):
        for value in weights:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise ConfigError(
                    f"{where}: class_weights are numbers, not negative, one for each class (or enet, "
                    f"median_frequency), got {value!r}."
                )
