"""Polygons to pixels by COCO's rule, and shapes on top of one another by size.

COCO's rule, as pycocotools applies it: corners are rounded to a fifth of a pixel, edges
are drawn on that finer grid, and a pixel of a column belongs to the polygon where an odd
number of edges has crossed the column's centre line above it. Here it is computed for
the columns of the picture only, so that a corner far outside costs nothing.
Source: https://github.com/cocodataset/cocoapi (common/maskApi.c, rleFrPoly).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DataError

FINE = 5  # steps of a pixel
FARTHEST = 1e5  # pixels: beyond it a coordinate is damage, not a corner outside the picture
CROSSINGS = 1 << 21  # edge crossings computed at once: 130 MB


def corners(points: Any, where: str, *, needed: int = 3, what: str = "a polygon") -> np.ndarray:
    """Points [N, 2] out of an annotation file: pairs, or numbers in a row; float64.

    Raises:
        DataError: too few, not numbers, or not of this world.
    """
    try:
        flat = np.asarray(points)
        numeric = flat.dtype.kind in "iuf" and flat.size % 2 == 0 and (flat.ndim == 1 or flat.shape[-1] == 2)
        found = flat.astype(np.float64).reshape(-1, 2) if numeric else np.zeros((0, 2))
    except (TypeError, ValueError, OverflowError):
        found = np.zeros((0, 2))
    if len(found) < needed or not np.isfinite(found).all():
        text = str(points) if isinstance(points, (list, str)) and len(points) < 100 else "something else"
        raise DataError(
            f"{where}: {what} needs {needed} point{'s' * (needed > 1)} with two numbers each, but has {text[:80]}. "
            "Draw it again."
        )
    if np.abs(found).max() > FARTHEST:
        raise DataError(f"{where}: a point lies at {np.abs(found).max():.3g} pixels, far outside. Draw it again.")
    return found


def fill_polygon(points: np.ndarray, height: int, width: int) -> tuple[int, int, np.ndarray]:
    """The pixels of a polygon, as pycocotools gives them.

    Args:
        points: float64 [N, 2], x and y in pixels; the first follows the last.

    Returns:
        (top, left, mask): bool [h, w], the part of the picture that the polygon reaches.
    """
    columns, rows = crossings(points, height, width)
    if not len(columns):
        return 0, 0, np.zeros((0, 0), bool)
    left, right = int(columns.min()), int(columns.max()) + 1
    top, bottom = int(rows.min()), int(rows.max())
    if top == bottom:
        return 0, 0, np.zeros((0, 0), bool)
    shape = bottom - top + 1, right - left
    flat = (rows - top) * shape[1] + columns - left
    toggles = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    return top, left, (np.cumsum(toggles[:-1], axis=0) & 1).astype(bool)


def crossings(points: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the outline crosses the centre lines of the picture's columns: column and row of each, int64 [M]."""
    x, y = np.trunc(FINE * points + 0.5).astype(np.int64).T
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    wide = np.abs(x2 - x) >= np.abs(y2 - y)
    flip = np.where(wide, x > x2, y > y2)
    xs, xe = np.where(flip, x2, x), np.where(flip, x, x2)
    ys, ye = np.where(flip, y2, y), np.where(flip, y, y2)
    low, high = np.minimum(xs, xe), np.maximum(xs, xe)
    first = np.clip(-((2 - low) // FINE), 0, width)  # the centre line of column c is between 5c + 2 and 5c + 3
    last = np.clip((high - 3) // FINE, -1, width - 1)
    counts = np.maximum(last - first + 1, 0)
    found = [np.zeros((2, 0), np.int64)]
    start, ends = 0, np.cumsum(counts)
    while start < len(counts):
        reach = (ends[start - 1] if start else 0) + CROSSINGS
        stop = max(start + 1, int(np.searchsorted(ends, reach, side="right")))
        part = slice(start, stop)
        edge = np.repeat(np.arange(start, stop), counts[part])
        offset = np.arange(len(edge)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        column = first[edge] + offset
        fine = np.where(
            wide[edge],
            crossing_of_wide(column, xs[edge], xe[edge], ys[edge], ye[edge]),
            crossing_of_steep(column, xs[edge], xe[edge], ys[edge], ye[edge]),
        )
        row = np.ceil(np.clip((fine + 0.5) / FINE - 0.5, 0, height)).astype(np.int64)
        found.append(np.stack([column, row]))
        start = stop
    return tuple(np.concatenate(found, axis=1))


def crossing_of_wide(column, xs, xe, ys, ye):
    """Fine row where an edge wider than high crosses a column's centre line: it has one point in each fine column."""
    slope = (ye - ys) / np.maximum(np.abs(xe - xs), 1)
    before = np.trunc(ys + slope * (FINE * column + 2 - xs) + 0.5)
    after = np.trunc(ys + slope * (FINE * column + 3 - xs) + 0.5)
    return np.minimum(before, after)


def crossing_of_steep(column, xs, xe, ys, ye):
    """The same for an edge higher than wide: the last of its points, one in each fine row, before the line."""
    slope = (xe - xs) / np.maximum(ye - ys, 1)
    line = FINE * column + 2.5
    step = np.ceil((line - xs) / np.where(slope == 0, 1, slope) - 1)
    crossed = np.full(len(column), -1.0)
    for candidate in (step + 2, step + 1, step, step - 1):  # the quotient is rounded, the rule below is not
        at = np.trunc(xs + slope * candidate + 0.5)
        beyond = np.where(slope > 0, at > line, at < line)
        crossed = np.where(beyond & (candidate >= 0), candidate, crossed)
    return ys + crossed - 1


class Canvas:
    """A label that shapes are painted on.

    By default a smaller shape lies over a larger one, in whatever order they come, and of
    two with the same number of pixels the later one; ``stacked``: later ones always do.

    Args:
        height, width: of the label; it starts as zeros.
    """

    def __init__(self, height: int, width: int, *, stacked: bool = False):
        self.label = np.zeros((height, width), np.uint8)
        self.stacked = stacked
        self.owner = np.full((height, width), np.iinfo(np.int64).max, np.int64)  # pixels of the shape on top

    def paint(self, parts: list[tuple[int, int, np.ndarray]], value: int) -> bool:
        """Paint one shape of several parts (:func:`fill_polygon`'s); False where it has no pixel."""
        area = self.union(parts) if len(parts) > 1 else sum(int(mask.sum()) for _, _, mask in parts)
        for top, left, mask in parts:
            here = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
            over = mask if self.stacked else mask & (self.owner[here] >= area)
            self.label[here][over] = value
            self.owner[here][over] = area
        return area > 0

    def union(self, parts: list[tuple[int, int, np.ndarray]]) -> int:
        """Pixels that any of the parts covers."""
        parts = [part for part in parts if part[2].size]
        if not parts:
            return 0
        top, left = min(p[0] for p in parts), min(p[1] for p in parts)
        bottom, right = max(p[0] + p[2].shape[0] for p in parts), max(p[1] + p[2].shape[1] for p in parts)
        whole = np.zeros((bottom - top, right - left), bool)
        for y, x, mask in parts:
            whole[y - top : y - top + mask.shape[0], x - left : x - left + mask.shape[1]] |= mask
        return int(whole.sum())
