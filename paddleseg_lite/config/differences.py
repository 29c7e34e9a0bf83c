"""In what two recipes differ."""

from __future__ import annotations

import json
from typing import Any


def config_differences(a: dict[str, Any], b: dict[str, Any], prefix: str = "") -> dict[str, tuple[str, str]]:
    """Dotted key -> (value in a, value in b), where they differ."""
    found: dict[str, tuple[str, str]] = {}
    for key in dict.fromkeys([*a, *b]):
        x, y = a.get(key), b.get(key)
        if isinstance(x, dict) and isinstance(y, dict):
            found.update(config_differences(x, y, f"{prefix}{key}."))
        elif x != y:
            found[f"{prefix}{key}"] = (json.dumps(x, default=str), json.dumps(y, default=str))
    return found
