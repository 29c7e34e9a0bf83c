"""Bright colours for classes of one's own, told apart by readers with and without colour blindness."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

# Okabe and Ito, Color Universal Design, 2008, without black; yellow last, which is weak on white
_FIRST = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (213, 94, 0), (204, 121, 167), (0, 114, 178), (240, 228, 66))
_BACKGROUND = {"background", "_background_", "bg", "back ground", "none", "other", "unlabeled", "unlabelled", "背景"}
_LIGHTNESS = (35.0, 92.0)  # CIELAB L of colours that are neither near black nor near white
# Red, green and blue as seen without the cones for green and for red: Machado et al., IEEE TVCG 2009, severity 1
_DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


def is_background(name: str) -> bool:
    """Whether a class is, by its name, what is left when nothing is there."""
    return str(name).strip().lower() in _BACKGROUND


def own_palette(class_names: Sequence[str]) -> np.ndarray:
    """Colours for classes without published ones: black for background, else bright and far apart.

    Returns:
        uint8 RGB ``[K, 3]``.
    """
    shown = [not is_background(name) for name in class_names]
    palette = np.zeros((len(shown), 3), np.uint8)
    palette[shown] = distinct_colours(sum(shown))
    return palette


@lru_cache(maxsize=16)
def distinct_colours(count: int) -> np.ndarray:
    """``count`` colours, each as far as can be from those before it, in the eyes of three kinds of readers.

    The first are Okabe and Ito's; the next maximise the least CIELAB distance to all before, as seen normally,
    without green and without red cones.

    Returns:
        uint8 RGB ``[count, 3]``.
    """
    chosen = np.asarray(_FIRST, np.uint8)[:count]
    if count <= len(_FIRST):
        return chosen
    levels = np.linspace(0, 255, 11).astype(np.uint8)
    candidates = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness = _lab(candidates)[:, 0]
    candidates = candidates[(lightness > _LIGHTNESS[0]) & (lightness < _LIGHTNESS[1])]
    seen = _seen(candidates)
    nearest = np.min([_distance(seen, one) for one in _seen(chosen).transpose(1, 0, 2)], axis=0)
    found = [*chosen]
    while len(found) < count:
        best = int(nearest.argmax())
        found.append(candidates[best])
        nearest = np.minimum(nearest, _distance(seen, seen[:, best]))
        if nearest.max() == 0:  # more classes than colours: from the start again
            nearest = np.full(len(candidates), np.inf)
    return np.asarray(found, np.uint8)


def _seen(colours: np.ndarray) -> np.ndarray:
    """CIELAB ``[3 readers, N, 3]``."""
    linear = (colours / 255.0) ** 2.2
    views = [colours, *((np.clip(linear @ np.asarray(m).T, 0, 1) ** (1 / 2.2) * 255) for m in (_DEUTAN, _PROTAN))]
    return np.stack([_lab(view) for view in views])


def _lab(colours: np.ndarray) -> np.ndarray:
    pixels = np.ascontiguousarray(colours, np.float32)[None] / 255
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0].astype(np.float64)


def _distance(seen: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Least CIELAB distance over the readers, ``[3, N, 3]`` to ``[3, 3]``."""
    return np.linalg.norm(seen - one[:, None], axis=-1).min(0)
