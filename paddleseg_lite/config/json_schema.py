"""JSON Schema of a recipe, made from the dataclasses and the registries, so that it cannot differ from them."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Union

from ..registry import DATASETS, LOSSES, MODELS, OPTIMIZERS, SCHEDULERS, TRANSFORMS, Registry
from .schema import CHOICES, POSITIVE, Config

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def json_schema() -> dict[str, Any]:
    """The schema of a whole recipe; ``_base_`` and ``_inherited_`` are allowed where recipes allow them."""
    spec = _dataclass(Config)
    spec["properties"] |= {
        "model": _parts(MODELS),
        "train_dataset": _data(),
        "val_dataset": _data(),
        "loss": {
            "type": "object",
            "properties": {"_inherited_": {"type": "boolean"}},
            "additionalProperties": _parts(LOSSES, extra=("coef", "label_fit")),
        },
        "optimizer": _parts(OPTIMIZERS),
        "lr_scheduler": _parts(SCHEDULERS),
        "_base_": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "paddleseg_lite recipe", **spec}


def _dataclass(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties = {}
    for field in dataclasses.fields(cls):
        found = _hint(hints[field.name])
        if field.name in CHOICES:
            found = {"enum": list(CHOICES[field.name])}
        elif field.name in POSITIVE:
            found["minimum"] = 1
        if field.default is not dataclasses.MISSING:
            found["default"] = field.default
        properties[field.name] = found
    properties["_inherited_"] = {"type": "boolean"}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _hint(hint: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    unions = (Union, getattr(types, "UnionType", Union))
    options = typing.get_args(hint) if typing.get_origin(hint) in unions else (hint,)
    kinds = ["null" if o is type(None) else _KINDS[typing.get_origin(o) or o] for o in options]
    return {"type": kinds[0] if len(kinds) == 1 else kinds}


def _parts(registry: Registry, *, extra: tuple[str, ...] = ()) -> dict[str, Any]:
    """A name, or ``{type: NAME, ...}`` with the arguments of that entry and no others.

    The type may be left out: it may stand in a file that this one is based on.
    """
    names = registry.names()
    rules = []
    for name in names:
        arguments, open_ended = registry.arguments(name)
        known: dict[str, Any] = {key: {} for key in (*arguments, *extra, "type", "_inherited_")}
        this = {"properties": {"type": {"const": name}}, "required": ["type"]}
        rules.append({"if": this, "then": {"properties": known, "additionalProperties": open_ended}})
    return {"anyOf": [{"enum": names}, {"type": "object", "properties": {"type": {"enum": names}}, "allOf": rules}]}


def _data() -> dict[str, Any]:
    spec = _parts(DATASETS)
    transforms = {"type": ["array", "null"], "items": _parts(TRANSFORMS)}
    return {"allOf": [spec, {"properties": {"transforms": transforms}}]}
