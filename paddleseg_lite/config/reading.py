"""Reading YAML files, merging layers and remembering which layer set which key."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError, nearest
from ..files import expanded
from .recipes import find_recipe, recipe_folder, recipes_like, shipped_recipes

RIVALS = {"iters": "epochs", "epochs": "iters"}  # a later layer's choice replaces an earlier one's
_NUMBER = r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*"
_TUPLE = re.compile(rf"{_NUMBER}(?:,{_NUMBER})+,?|\({_NUMBER}(?:,{_NUMBER})*,?\s*\)")
MAX_NODES = 200_000  # values in a file once its anchors are written out


def read_tree(path: Path, seen: tuple[Path, ...] = (), *, first_base_wins: bool = False) -> tuple[dict, dict[str, str]]:
    """A file merged over its bases, and for every key the file that set it.

    Args:
        path: of the file.
        seen: the files that led here.
        first_base_wins: of several bases the first counts most (PaddleSeg), not the last.
    """
    path = expanded(path)
    real = Path(os.path.realpath(path))
    if real in seen:
        raise ConfigError(f"{path}: _base_ files name each other in a circle: {' -> '.join(p.name for p in seen)}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        siblings = [str(p.name) for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = recipes_like(path) or nearest(path.name, siblings)
        hint = hint or nearest(path.with_suffix("").as_posix(), shipped_recipes())
        raise ConfigError(f"config file '{path}' does not exist, and no recipe has that name.{hint}") from None
    except IsADirectoryError:
        inside = sorted(str(p) for p in path.glob("*.y*ml"))
        hint = recipes_like(path) or (f" In it are {', '.join(inside)}." if inside else "")
        raise ConfigError(f"config file '{path}' is a folder: a recipe is a YAML file.{hint}") from None
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"config file '{path}' cannot be read: {e}.") from None
    own = parse_yaml(text, str(path))
    if not isinstance(own, dict) or not all(isinstance(k, str) for k in own):
        raise ConfigError(
            f"{path} must hold a mapping of keys to values at its top level, at least model: {{type: UNet}}."
        )
    bases = own.pop("_base_", [])
    names = bases if isinstance(bases, list) else [bases]
    layers = []
    for base in names:
        if not isinstance(base, str):
            raise ConfigError(f"{path}: _base_ must be a file name or a list of them, got {base!r}.")
        inner = (*seen, real)
        layers.append(read_tree(base_file(path, base), inner, first_base_wins=first_base_wins))
    origins: dict[str, str] = {}
    for _, base_origins in reversed(layers) if first_base_wins else layers:
        origins.update(base_origins)
    own = read_exponents(own)
    _note_origins(own, "", str(path), origins)
    if first_base_wins:
        for base_tree, _ in layers:
            own = merge_below(base_tree, own)
        return merge({}, own), origins
    tree: dict = {}
    for base_tree, _ in layers:
        tree = merge(tree, base_tree)
    _drop_rivals(tree, own)
    return merge(tree, own), origins


def base_file(path: Path, base: str) -> Path:
    """The file that ``_base_`` of a recipe means: beside it, else among the recipes that come with the package.

    Raises:
        ConfigError: no file can have such a path.
    """
    beside, shipped = expanded(path.parent / base), recipe_folder() / base
    return shipped if not beside.exists() and shipped.is_file() else beside


def recipe_files(path: str | Path) -> list[Path]:
    """A recipe's own file and those of its bases, as far as they set a key; none where it cannot be read."""
    try:
        path = find_recipe(path)
        _, origins = read_tree(path)
    except ConfigError:
        return [Path(path)]
    return [path, *(Path(name) for name in dict.fromkeys(origins.values()))]


def parse_yaml(text: str, where: str) -> Any:
    """Plain values from YAML; nothing is executed, and anchors cannot blow up.

    Raises:
        ConfigError: not YAML, another type than plain values, or more than ``MAX_NODES`` values.
    """
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        size = _expanded_size(node, {})
        if size > MAX_NODES:
            raise ConfigError(
                f"{where} names {size:.0g} values through its anchors (at most {MAX_NODES}), or an anchor holds "
                "itself: write the values out."
            )
        return None if node is None else loader.construct_document(node)
    except ConfigError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as e:
        raise ConfigError(f"{where} is not valid YAML: {' '.join(str(e).split())}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _expanded_size(node: yaml.Node | None, known: dict[int, float]) -> float:
    """Number of values under ``node`` were every alias and merge (``<<``) a copy; infinite where one holds itself."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in known:
        known[id(node)] = float("inf")  # until it is counted: met again inside itself
        inner = (value for _, value in node.value) if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_expanded_size(value, known) for value in inner)
    return known[id(node)]


def merge(base: Mapping, over: Mapping) -> dict:
    """``over`` on top of ``base``; mappings merge key by key unless ``_inherited_: False``."""
    if over.get("_inherited_") is False:
        base = {}
    merged = dict(base)
    for key, value in over.items():
        if key == "_inherited_":
            continue
        old = merged.get(key)
        if isinstance(value, Mapping):
            merged[key] = merge(old if isinstance(old, Mapping) else {}, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def merge_below(base: Mapping, over: Mapping) -> dict:
    """``base`` under ``over`` as PaddleSeg merges: ``_inherited_: False`` keeps out the first base that has the key."""
    if over.get("_inherited_", True) is False:
        return {key: value for key, value in over.items() if key != "_inherited_"}
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = merge_below(base[key], value) if both else copy.deepcopy(value)
    return merged


def _note_origins(tree: Any, prefix: str, source: str, origins: dict[str, str]) -> None:
    if prefix:
        origins[prefix] = source
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            _note_origins(value, f"{prefix}.{key}" if prefix else str(key), source, origins)


def set_option(tree: dict, text: str, origins: dict[str, str]) -> None:
    """Apply one ``--opts`` string ``a.b=c``; the value is YAML and may itself contain ``=``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--opts takes key=value, got '{text}'. Example: --opts lr_scheduler.learning_rate=0.05")
    parsed = read_python(parse_yaml(value, f"--opts {text}: the value"))
    set_key(tree, key.strip(), read_exponents(parsed), origins, source=f"--opts {text}")


def read_python(value: Any) -> Any:
    """Numbers as PaddleSeg's ``--opts`` takes them: ``0.75,1.0``, ``(512, 512)``; ``None`` is nothing."""
    if not isinstance(value, str):
        return value
    if value == "None":
        return None
    if not _TUPLE.fullmatch(value):
        return value
    numbers = [part.strip() for part in value.strip("() ").rstrip(", ").split(",")]
    return [float(n) if set(n) & set(".eE") else int(n) for n in numbers]


def set_key(tree: dict, dotted: str, value: Any, origins: dict[str, str], source: str) -> None:
    """Set ``a.b.0.c``; mappings on the way are created, list indices must exist."""
    node: Any = tree
    parts = dotted.split(".")
    if dotted in RIVALS:
        tree.pop(RIVALS[dotted], None)
    for depth, part in enumerate(parts):
        last, so_far = depth == len(parts) - 1, ".".join(parts[:depth])
        if isinstance(node, list):
            if not re.fullmatch("-?[0-9]{1,9}", part) or not -len(node) <= int(part) < len(node):
                raise ConfigError(f"{source}: '{so_far}' is a list of {len(node)}; '{part}' is no index of it.")
            part = int(part) % len(node)
            parts[depth] = str(part)
        elif not isinstance(node, dict):
            raise ConfigError(f"{source}: '{so_far}' is the value {node!r}; it has no '{part}'.")
        if last:
            node[part] = value
        else:
            if isinstance(node, dict) and node.get(part) is None:
                node[part] = {}
                origins[".".join(parts[: depth + 1])] = source
            node = node[part]
    _note_origins(value, ".".join(parts), source, origins)
    origins[".".join(parts)] = source


def _drop_rivals(tree: dict, own: Mapping[str, Any]) -> None:
    for key, rival in RIVALS.items():
        if own.get(key) is not None and rival not in own:
            tree.pop(rival, None)


def read_exponents(tree: Any) -> Any:
    """YAML reads ``1e-3`` as a string; numbers written so are meant as numbers, wherever they stand."""

    def walk(node):
        if isinstance(node, dict):
            return {k: walk(v) for k, v in node.items()}
        if isinstance(node, list):
            return [walk(v) for v in node]
        if isinstance(node, str) and node[:1] in "+-.0123456789" and "e" in node.lower():
            try:
                return float(node)
            except ValueError:
                return node
        return node

    return walk(tree)
