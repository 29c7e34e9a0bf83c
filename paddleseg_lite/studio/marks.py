"""What is drawn on a picture of the tab Look inside: heat, a cross at the pixel, boxes of branches."""

from __future__ import annotations

import cv2
import numpy as np

from ..visualize import rgb
from .insides import SIDE, Box


def heat(image: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """A map ``[H, W]`` of 0 to 1 over the greyed picture, uint8 RGB; weak values are lifted to be seen."""
    from matplotlib import colormaps

    shown = np.clip(strength, 0, 1) ** 0.4
    grey = np.repeat(rgb(image).mean(2, keepdims=True), 3, axis=2)
    colours = 255 * colormaps["inferno"](shown)[..., :3]
    weight = (0.25 + 0.75 * shown)[..., None]
    return np.round(grey * (1 - weight) * 0.6 + colours * weight).astype(np.uint8)


def enlarged(picture: np.ndarray) -> np.ndarray:
    """A small picture a whole number of times as large, so that what is drawn on it stays fine."""
    return picture.repeat(zoom(picture), 0).repeat(zoom(picture), 1)


def zoom(picture: np.ndarray) -> int:
    """How many times :func:`enlarged` makes a picture as large."""
    return max(1, SIDE // max(picture.shape[:2]))


def with_cross(picture: np.ndarray, y: int, x: int) -> np.ndarray:
    """The picture :func:`enlarged`, a pixel of it marked by a white cross with a black edge, open in the middle."""
    times = zoom(picture)
    marked = np.ascontiguousarray(enlarged(picture)).copy()
    row, column = y * times + times // 2, x * times + times // 2
    gap = times // 2 + 3
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            start = (column + gap * dx, row + gap * dy)
            end = (column + (gap + 14) * dx, row + (gap + 14) * dy)
            cv2.line(marked, start, end, colour, thickness)
    return marked


def with_boxes(picture: np.ndarray, boxes: list[Box], weights: list[float]) -> np.ndarray:
    """The picture dimmed but for the boxes, the brighter the larger their share, each with an outline."""
    light = np.full(picture.shape[:2], 0.35)
    top_weight = max(weights, default=1.0) or 1.0
    places = [tuple(round(v) for v in box) for box in boxes]
    for (top, left, bottom, right), weight in zip(places, weights):
        area = light[top : max(bottom, top + 1), left : max(right, left + 1)]
        area[:] = np.maximum(area, 0.35 + 0.65 * weight / top_weight)
    shown = np.ascontiguousarray((rgb(picture) * light[..., None]).astype(np.uint8))
    for top, left, bottom, right in places:
        cv2.rectangle(shown, (left, top), (max(right - 1, left), max(bottom - 1, top)), (255, 210, 60), 1)
    return shown
