"""``style`` of the networks: picked from a table as :func:`~paddleseg_lite.layers.pick` does, or by its former name."""

from __future__ import annotations

from ..errors import ConfigError
from ..layers import pick

__all__ = ["from_former_name", "pick"]


def from_former_name(style: str, variant: str | None, *, default: str, owner: str) -> str:
    """The style asked for, by its name or by ``variant``, as UNet and SegNet called it in older recipes.

    Args:
        style: as given, or its default.
        variant: as given.
        default: of ``style``.
        owner: the network, for the error.

    Raises:
        ConfigError: both are given, and differ.
    """
    if variant is None:
        return style
    if style not in (default, variant):
        raise ConfigError(
            f"{owner} has style '{style}' and variant '{variant}': variant is the former name of style. Keep style."
        )
    return variant
