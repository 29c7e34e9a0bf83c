"""Several pictures of several samples in one: titles above the columns, a legend below."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .lettering import draw_text, text_width
from .overlays import legend

_TITLE, _GAP = 24, 4  # pixels
_SMALLEST, _LARGEST = 160, 320  # height of a picture


def mosaic(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str],
    *,
    class_names: Sequence[str] = (),
    palette: np.ndarray | None = None,
) -> np.ndarray:
    """Rows of pictures on white.

    Args:
        rows: of uint8 RGB pictures, as many in each as there are titles; all are brought to one width.
        titles: of the columns.
        class_names, palette: of the legend; none without them.

    Returns:
        uint8 RGB.
    """
    height = int(np.clip(max(picture.shape[0] for picture in rows[0]), _SMALLEST, _LARGEST))
    width = max(max(1, round(p.shape[1] * height / p.shape[0])) for row in rows for p in row)
    width = max(width, *(text_width(title, 14) + 8 for title in titles))
    scaled = [[_fit(picture, height, width) for picture in row] for row in rows]
    spacer = np.full((height, _GAP, 3), 255, np.uint8)
    lines = [_title(titles, width)]
    for row in scaled:
        parts = [part for picture in row for part in (picture, spacer)][:-1]
        lines += [np.concatenate(parts, axis=1), np.full((_GAP, lines[0].shape[1], 3), 255, np.uint8)]
    if len(class_names) and palette is not None:
        lines.append(legend_below(class_names, palette, lines[0].shape[1]))
    return np.concatenate(lines, axis=0)


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scaled to the height, on white of the width; class colours stay what they are."""
    own = max(1, round(picture.shape[1] * height / picture.shape[0]))
    larger = height > picture.shape[0]
    resized = cv2.resize(picture, (own, height), interpolation=cv2.INTER_NEAREST if larger else cv2.INTER_AREA)
    canvas = np.full((height, width, 3), 255, np.uint8)
    canvas[:, :own] = resized[:, :width]
    return canvas


def _title(titles: Sequence[str], width: int) -> np.ndarray:
    line = np.full((_TITLE, len(titles) * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for i, title in enumerate(titles):
        draw_text(line, title, i * (width + _GAP) + 4, _TITLE // 2, 14)
    return line


def legend_below(class_names: Sequence[str], palette: np.ndarray, width: int) -> np.ndarray:
    """A legend of that width, uint8 RGB, in as many columns as fit."""
    columns = len(class_names)
    key = legend(list(class_names), palette, columns=columns)
    while key.shape[1] > width and columns > 1:
        columns -= 1
        key = legend(list(class_names), palette, columns=columns)
    canvas = np.full((key.shape[0], width, 3), 255, np.uint8)
    canvas[:, : min(width, key.shape[1])] = key[:, :width]
    return canvas
