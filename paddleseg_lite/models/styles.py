"""``style``: what published implementations of one paper do differently, under one name.

The file of a network holds a table ``STYLES`` of frozen dataclasses, one field for each difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from ..errors import ConfigError, nearest

Style = TypeVar("Style")


def pick(styles: Mapping[str, Style], name: str, *, network: str, **given: Any) -> Style:
    """The style of that name, with what the caller decided in place of its own.

    Args:
        styles: the network's table.
        name: as written in a recipe.
        network: as the error names it.
        **given: fields of the dataclass; ``None`` leaves the style's.

    Raises:
        ConfigError: there is no such style; the message has the nearest.
    """
    if name not in styles:
        raise ConfigError(
            f"{network} style '{name}' is unknown.{nearest(str(name), styles)} Known: {', '.join(styles)}."
        )
    return replace(cast(Any, styles[name]), **{field: value for field, value in given.items() if value is not None})


def from_former_name(style: str, variant: str | None, *, default: str, network: str) -> str:
    """The style asked for, by its name or by ``variant``, as UNet and SegNet called it in older recipes.

    Args:
        style: as given, or its default.
        variant: as given.
        default: of ``style``.
        network: for the error.

    Raises:
        ConfigError: both are given, and differ.
    """
    if variant is None:
        return style
    if style not in (default, variant):
        raise ConfigError(
            f"{network} has style '{style}' and variant '{variant}': variant is the former name of style. Keep style."
        )
    return variant
