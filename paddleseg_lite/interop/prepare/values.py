"""Values as annotation files write them: numbers that may be text, ids, long lists in a message."""

from __future__ import annotations

import re
from collections.abc import Iterable


def whole(value: object) -> int | None:
    """A whole number as a file may write it (``3``, ``3.0``, ``"3"``), else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None
    return value if isinstance(value, int) else None


def shortened(names: Iterable[str], limit: int = 3) -> str:
    """``a, b, c, ...``"""
    names = list(names)
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")


def id_key(value: object) -> int | str | None:
    """An id for comparing: 1, 1.0 and "1" are one id; None for what is no id."""
    number = whole(value)
    if number is not None:
        return number
    return value.strip() or None if isinstance(value, str) else None
