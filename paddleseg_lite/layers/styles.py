"""``style``: what published implementations of one paper do differently, under one name.

The file of a network or graph unit holds a table ``STYLES`` of frozen dataclasses, one field for each difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from ..errors import ConfigError, nearest

Style = TypeVar("Style")


def pick(styles: Mapping[str, Style], name: str, *, owner: str, **given: Any) -> Style:
    """The style of that name, with what the caller decided in place of its own.

    Args:
        styles: the table of the network or unit.
        name: as written in a recipe.
        owner: the network or unit, as the error names it.
        **given: fields of the dataclass; ``None`` leaves the style's.

    Raises:
        ConfigError: there is no such style; the message has the nearest.
    """
    if name not in styles:
        raise ConfigError(f"{owner} style '{name}' is unknown.{nearest(str(name), styles)} Known: {', '.join(styles)}.")
    return replace(cast(Any, styles[name]), **{field: value for field, value in given.items() if value is not None})
