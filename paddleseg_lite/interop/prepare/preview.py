"""A sheet of pictures beside the colours of their labels: one look shows whether they fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ...data import colorize, read_image
from ...visualize.lettering import draw_text
from ...visualize.mosaic import legend_below

CELL = 240  # pixels of a picture, the longer side


def pair(image: Path | None, label: np.ndarray, palette: np.ndarray, name: str, *, ignore: int = 255) -> np.ndarray:
    """Picture and colours of its label side by side, small, under the name; uint8 RGB."""
    colours = colorize(label, palette, ignore_index=ignore)
    picture = read_image(image) if image is not None else np.full_like(colours, 255)
    scale = CELL / max(label.shape)
    size = max(1, round(label.shape[1] * scale)), max(1, round(label.shape[0] * scale))
    parts = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA)]
    parts.append(cv2.resize(colours, size, interpolation=cv2.INTER_NEAREST_EXACT))
    strip = np.full((18, 2 * size[0] + 4, 3), 255, np.uint8)
    draw_text(strip, name[:36], 2, 9, 12)
    return np.concatenate([strip, np.concatenate([parts[0], np.full((size[1], 4, 3), 255, np.uint8), parts[1]], 1)])


def sheet(
    cells: list[np.ndarray], class_names: Sequence[str] = (), palette: np.ndarray | None = None, *, columns: int = 2
) -> np.ndarray:
    """Pictures in rows on white, and below them what the colours mean."""
    height, width = max(c.shape[0] for c in cells) + 6, max(c.shape[1] for c in cells) + 6
    rows = -(-len(cells) // columns)
    page = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        y, x = (i // columns) * height + 3, (i % columns) * width + 3
        page[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    if not class_names or palette is None:
        return page
    return np.concatenate([page, legend_below(class_names, palette, page.shape[1])])
