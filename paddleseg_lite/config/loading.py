"""From a YAML file to a checked :class:`Config`.

Values come from, weakest first: the files named by ``_base_``, the file itself,
``--opts a.b=c`` (in the keys of the file), command-line flags. A mapping in a later
layer is merged into the earlier one unless it says ``_inherited_: False``.

Schemas of others are recognised and translated by what registers itself in
:data:`paddleseg_lite.registry.TRANSLATORS`: an object with ``recognises(tree)`` and
``translate(tree, origins=..., source=...)``; ``first_base_wins`` says how their ``_base_`` lists are meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..registry import TRANSLATORS
from .checking import check_components
from .parsing import parse_config
from .reading import read_tree, set_key, set_option
from .recipes import find_recipe
from .schema import Config
from .switching import drop_arguments_of_others, types_of


def load_config(
    path: str | Path,
    *,
    opts: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    dataset_root: str | None = None,
    check: bool = True,
    prediction: bool = False,
) -> Config:
    """Read, merge and check a recipe.

    Args:
        path: the name of a shipped recipe (``unet/unet_scenes``), or a YAML file, in our
            schema or one that a translator is registered for.
        opts: ``"a.b=c"`` strings; the value is YAML, indices reach into lists.
        overrides: dotted key -> value from flags; ``None`` values are skipped.
        dataset_root: folder of the data, for each dataset that the recipe has.
        check: also check model, data, loss and schedule against the registries
            (imports Paddle).
        prediction: check only what prediction uses; see :func:`~.checking.check_components`.

    Raises:
        ConfigError: names the file, the key and the nearest valid one.
    """
    tree, origins = read_tree(find_recipe(path))
    translator = foreign_schema(tree)
    if getattr(translator, "first_base_wins", False):
        tree, origins = read_tree(find_recipe(path), first_base_wins=True)
    before = types_of(tree)
    for text in opts:
        set_option(tree, text, origins)
    if translator is None and types_of(tree) != before:
        drop_arguments_of_others(tree, before, origins, tell=check)
    if translator is not None:
        tree = translator.translate(tree, origins=origins, source=str(path))
    if dataset_root is not None:
        roots = [f"{name}.dataset_root" for name in ("train_dataset", "val_dataset") if tree.get(name) is not None]
        overrides = {**(overrides or {}), **dict.fromkeys(roots, dataset_root)}
    for key, value in (overrides or {}).items():
        if value is not None:
            set_key(tree, key, value, origins, source=f"--{key.rsplit('.', 1)[-1]}")
    config = parse_config(tree, origins=origins, source=str(path))
    if check:
        check_components(config, origins=origins, source=str(path), prediction=prediction)
    return config


def foreign_schema(tree: Mapping[str, Any]) -> Any | None:
    """The translator of the schema that a tree is written in; ``None`` for our own."""
    translators = (TRANSLATORS.get(name) for name in TRANSLATORS.names())
    return next((t for t in translators if t.recognises(tree)), None)
