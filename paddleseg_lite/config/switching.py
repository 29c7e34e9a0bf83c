"""Another network by an option: ``--opts model.type=SegNet`` on a UNet's recipe."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ..registry import BACKBONES, CONTEXTS, DATASETS, MODELS, OPTIMIZERS, SCHEDULERS

logger = logging.getLogger("paddleseg_lite")

PARTS = {
    "model": MODELS,
    "model.backbone": BACKBONES,
    "model.context": CONTEXTS,
    "train_dataset": DATASETS,
    "val_dataset": DATASETS,
    "optimizer": OPTIMIZERS,
    "lr_scheduler": SCHEDULERS,
}
OF_SLOTS = {"position", "reduce"}  # keys of a context that are not its unit's


def types_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The type of each part, as far as the recipe names one."""
    found = {}
    for key in PARTS:
        spec = _part(tree, key)
        if spec is not None and isinstance(spec.get("type"), str):
            found[key] = spec["type"]
    return found


def drop_arguments_of_others(
    tree: Mapping[str, Any], before: Mapping[str, Any], origins: Mapping[str, str], *, tell: bool
) -> None:
    """Where an option has changed a part's type, leave out the old one's arguments that the new one does not take.

    Arguments that an option sets stay, so that a misspelt one is still an error.

    Args:
        tree: the recipe with its options; changed in place.
        before: :func:`types_of` it without them.
        origins: what set each key; options begin with ``--``.
        tell: log what is left out.
    """
    for key, name in types_of(tree).items():
        if before.get(key, name) == name or name not in PARTS[key]:
            continue
        spec = _part(tree, key)
        taken, any_other = PARTS[key].arguments(name)
        known = {"type", *taken, *(OF_SLOTS if key == "model.context" else ())}
        left = [k for k in spec if k not in known and not origins.get(f"{key}.{k}", "").startswith("--")]
        if any_other or not left:
            continue
        for argument in left:
            del spec[argument]
        if tell:
            logger.info("%s: %s does not take %s of %s: left out.", key, name, ", ".join(left), before[key])


def _part(tree: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    node: Any = tree
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, dict) else None
