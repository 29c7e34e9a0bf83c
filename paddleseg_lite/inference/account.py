"""What a checkpoint says of its classes, checked before anything rests on it: the file may be anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError

ENTRIES = ("num_classes", "class_names", "palette", "ignore_index")
MOST_CLASSES = 65_536  # ids of 16 bits


def checked_classes(meta: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The account of a checkpoint, if its classes make sense; empty if it says nothing of them.

    Args:
        meta: the entry of ``manifest.json``; a script may have saved the checkpoint without one.
        folder: of the checkpoint, for the message.

    Raises:
        CheckpointError: ``num_classes``, ``class_names``, ``palette`` or ``ignore_index`` is missing or impossible.
    """
    if not any(key in meta for key in ENTRIES):
        return {}
    count, names, palette = (meta.get(key) for key in ("num_classes", "class_names", "palette"))
    named = isinstance(names, list) and all(isinstance(n, str) for n in names)
    good = {
        "num_classes": _is_whole(count) and 1 <= count <= MOST_CLASSES,
        "class_names": named and len(names) == count,
        "palette": _is_palette(palette) and (not named or len(palette) >= len(names)),
        "ignore_index": _is_whole(meta.get("ignore_index")) and abs(meta["ignore_index"]) < 1 << 31,
    }
    wrong = [key for key, fine in good.items() if not fine]
    if wrong:
        raise CheckpointError(
            f"{folder / 'manifest.json'}: meta.{wrong[0]} is {str(meta.get(wrong[0]))[:80]!r}, which describes no "
            "classes. Use another checkpoint, or its model.pdparams with --config."
        )
    return meta


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_palette(value: Any) -> bool:
    """Whether it is ``[K, 3]`` colours of 8 bits."""
    try:
        colours = np.asarray(value)
    except (ValueError, OverflowError):  # rows of different lengths
        return False
    whole = colours.ndim == 2 and colours.shape[1] == 3 and colours.dtype.kind in "iu"
    return bool(whole and colours.size and colours.min() >= 0 and colours.max() <= 255)
