"""COCO's run lengths of a binary mask: how many zeros, ones, zeros, ... down the columns.

As a list of numbers, or as text: every number in groups of five bits (the sixth says
that more follow), from the fourth on as the difference to the one two before.
Source: the format as pycocotools reads and writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def decode_rle(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """A mask, bool [H, W].

    Raises:
        ValueError: the runs do not add up to H x W, or the text is damaged.
    """
    runs = np.asarray(read_counts(counts) if isinstance(counts, (str, bytes)) else counts)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or runs.min(initial=0) < 0:
        raise ValueError(f"runs are whole numbers from 0 on, but got {str(counts)[:60]}")
    total = sum(runs.tolist())  # of any size: int64 could come round to the right number
    if total != height * width:
        raise ValueError(f"runs add up to {total} pixels, {width} x {height} has {height * width}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def read_counts(text: str | bytes) -> list[int]:
    """Run lengths from COCO's compressed text."""
    data = text.encode("ascii") if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for position, byte in enumerate(data):
        group = byte - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError(f"character {position} is not part of a run length")
        value |= (group & 0x1F) << shift
        shift += 5
        if group & 0x20:
            continue
        if group & 0x10:  # the sign of the highest group
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("the text ends within a number")
    return counts
