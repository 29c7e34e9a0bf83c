"""Pictures for people: overlays, contours, legends, side-by-side panels."""

from __future__ import annotations

import cv2
import numpy as np

from ..data import blend, colorize

IGNORED = (128, 128, 128)  # grey, unlike any class of the shipped palettes


def overlay(image: np.ndarray, labels: np.ndarray, palette: np.ndarray, *, opacity: float = 0.6) -> np.ndarray:
    """Class colours over an RGB image; ``opacity`` 0 shows the image alone, 1 the colours alone."""
    return blend(image, colorize(labels, palette, ignore_colour=IGNORED), 1 - opacity)


def contours(picture: np.ndarray, labels: np.ndarray, *, color=(255, 255, 255)) -> np.ndarray:
    """Draw a one-pixel line wherever two classes meet."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:, :] |= labels[1:, :] != labels[:-1, :]
    picture = picture.copy()
    picture[edge] = color
    return picture


def panel(pictures: list[np.ndarray], *, gap: int = 4, height: int | None = None) -> np.ndarray:
    """RGB pictures side by side on white, scaled to one height."""
    height = height or max(p.shape[0] for p in pictures)
    scaled = [
        p if p.shape[0] == height
        else cv2.resize(p, (max(1, round(p.shape[1] * height / p.shape[0])), height), interpolation=cv2.INTER_NEAREST)
        for p in pictures
    ]
    spacer = np.full((height, gap, 3), 255, dtype=np.uint8)
    row: list[np.ndarray] = []
    for picture in scaled:
        row += [picture, spacer]
    return np.concatenate(row[:-1], axis=1)


def legend(class_names: list[str], palette: np.ndarray, *, columns: int = 1, row_height: int = 22) -> np.ndarray:
    """A picture that names every class beside its colour."""
    rows = -(-len(class_names) // columns)
    widest = max(cv2.getTextSize(n, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0] for n in class_names)
    column_width = widest + 48
    canvas = np.full((rows * row_height + 8, columns * column_width + 8, 3), 255, dtype=np.uint8)
    for i, name in enumerate(class_names):
        x, y = 8 + (i // rows) * column_width, 4 + (i % rows) * row_height
        color = tuple(int(v) for v in palette[i])
        cv2.rectangle(canvas, (x, y + 3), (x + 24, y + row_height - 3), color, -1)
        cv2.rectangle(canvas, (x, y + 3), (x + 24, y + row_height - 3), (90, 90, 90), 1)
        origin = (x + 32, y + row_height - 7)
        cv2.putText(canvas, name, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (20, 20, 20), 1, cv2.LINE_AA)
    return canvas
