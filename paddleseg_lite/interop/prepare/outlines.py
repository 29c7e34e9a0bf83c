"""Boxes and ellipses as the polygons they are; angles in degrees, clockwise in the picture."""

from __future__ import annotations

import math

import numpy as np

ARCS = 180  # corners of an ellipse


def turned(points: np.ndarray, angle: float, around: tuple[float, float]) -> np.ndarray:
    """Points [N, 2], turned clockwise (y points down)."""
    if not angle:
        return points
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    centre = np.asarray(around, np.float64)
    return (points - centre) @ np.array([[c, s], [-s, c]]) + centre


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The corners of a rectangle, float64 [4, 2]."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def ellipse(x: float, y: float, radius_x: float, radius_y: float) -> np.ndarray:
    """An ellipse around (x, y), float64 [ARCS, 2]."""
    angles = np.linspace(0, 2 * np.pi, ARCS, endpoint=False)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], 1)
