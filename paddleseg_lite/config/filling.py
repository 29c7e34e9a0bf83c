"""Nested mappings into dataclasses: unknown keys and wrong types are errors that name the file."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Union

from ..errors import ConfigError, nearest
from .schema import ADVICE, RETIRED


class Where:
    """Names the file that set a key (or its nearest parent)."""

    def __init__(self, origins: Mapping[str, str], source: str):
        self.origins, self.source = origins, source

    def __call__(self, key: str) -> str:
        while key:
            if key in self.origins:
                return self.origins[key]
            key = key.rpartition(".")[0]
        return self.source


def fill(cls, tree: Mapping[str, Any], prefix: str, where: Where):
    hints = typing.get_type_hints(cls)
    fields = {f.name for f in dataclasses.fields(cls)}
    values = {}
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if dotted in RETIRED:
            if value != RETIRED[dotted]:
                raise ConfigError(f"{where(dotted)}: '{dotted}' can no longer be chosen: it is {RETIRED[dotted]}.")
            continue
        if key not in fields:
            advice = f" {ADVICE[key]}" if not prefix and key in ADVICE else nearest(key, fields)
            raise ConfigError(f"{where(dotted)}: unknown key '{dotted}'.{advice}")
        values[key] = _coerce(value, hints[key], dotted, where)
    return cls(**values)


def _coerce(value: Any, hint: Any, dotted: str, where: Where) -> Any:
    """Check a value against a type hint; ints pass as floats, and YAML's ``1e-3`` (a string) as a float."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where(dotted)}: '{dotted}' must be a mapping, got {value!r}.")
        return fill(hint, value, f"{dotted}.", where)
    origin = typing.get_origin(hint)
    options = typing.get_args(hint) if origin in (Union, getattr(types, "UnionType", Union)) else (hint,)
    for option in options:
        kind = typing.get_origin(option) or option
        if kind is type(None) and value is None:
            return None
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if kind in (str, dict, list) and isinstance(value, kind):
            return value
        if kind is list and isinstance(value, tuple):
            return list(value)
    expected = " or ".join(
        {"NoneType": "null", "dict": "a mapping", "list": "a list"}.get(n, n)
        for n in ((typing.get_origin(o) or o).__name__ for o in options)
    )
    raise ConfigError(f"{where(dotted)}: '{dotted}' must be {expected}, got {value!r}.")
