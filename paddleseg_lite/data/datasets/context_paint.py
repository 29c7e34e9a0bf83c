"""Paints the layouts of :mod:`.context_layout`."""

from __future__ import annotations

import numpy as np

from .context_geometry import Box
from .context_layout import Layout
from .scene_canvas import Colour, smooth_noise

WATER, ROAD, APRON = (70, 130, 170), (110, 104, 100), (150, 150, 140)
NAMED_BY_COLOUR = ("two_hop", "relation")  # kinds whose marks are found by the colour of their rim
BODY, DARK, LIGHT = (222, 214, 196), 20, 235


def paint(
    layout: Layout, noise: np.random.Generator, distance: int, difficulty: float, label_links: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a layout: uint8 RGB ``[H, W, 3]`` and uint8 ids ``[H, W]``.

    ``label_links`` gives all marks of a chain (two_hop) the class that it ends in; the picture is the same.

    The noise does not depend on the layout, so that two layouts with the same
    generator differ only where what they show differs.
    """
    height, width = layout.size
    strength = 6 + round(16 * difficulty)
    grain = noise.integers(-strength, strength + 1, (height, width, 3))
    blotches = smooth_noise(noise, height, width, 6) * strength // 96
    image = _ground(layout, distance) + grain + blotches[..., None]
    label = np.zeros((height, width), np.uint8)
    for mark in layout.distractors:
        _mark(image, mark, (200, 60, 60), 120)
    for link in layout.links:
        _mark(image, link, hue_colour(layout.hues[link.value]), hue_colour(layout.hues[link.group]), rim_width=3)
        if label_links:
            _fill(label, link, layout.truth[link.group % len(layout.truth)])
    for cue in layout.cues:
        face = LIGHT if cue.value == 1 else DARK
        if layout.kind == "spatial":
            _mark(image, cue, hue_colour(layout.hues[cue.group]), LIGHT)
        elif layout.kind in NAMED_BY_COLOUR:
            _mark(image, cue, (face,) * 3, hue_colour(layout.hues[cue.group]), rim_width=3)
            if label_links and layout.kind == "two_hop":
                _fill(label, cue, layout.truth[cue.group % len(layout.truth)])
        else:
            _mark(image, cue, (face,) * 3, LIGHT + DARK - face)
    coloured = layout.kind == "spatial" or layout.kind in NAMED_BY_COLOUR
    for box in layout.objects:
        _vehicle(image, box, hue_colour(layout.hues[box.group]) if coloured else BODY)
        _fill(label, box, box.value)
    return image.clip(0, 255).astype(np.uint8), label


def hue_colour(degrees: float) -> tuple[int, int, int]:
    """A colour of that hue with the same saturation and lightness for all."""
    angle = np.deg2rad(degrees - np.array([0.0, 120.0, 240.0]))
    red, green, blue = (int(v) for v in 128 + 80 * np.cos(angle))
    return red, green, blue


def _ground(layout: Layout, distance: int) -> np.ndarray:
    height, width = layout.size
    image = np.zeros((height, width, 3), int)
    if layout.kind == "semantic_hard":
        return np.array([hue_colour(h) for h in layout.hues])[layout.regions]
    if layout.kind == "spatial":  # light from the left is red, from above green: a pixel's colour tells its place
        image[..., 0] = np.linspace(60, 200, width).astype(int)[None, :]
        image[..., 1] = np.linspace(60, 200, height).astype(int)[:, None]
        image[..., 2] = 110
        return image
    if layout.kind == "prior" or layout.kind in NAMED_BY_COLOUR:
        image[:] = (112, 124, 116)
        return image
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    if layout.ground == 1:
        image[:] = WATER
        image += (np.where((rows + columns // 4) % 6 < 2, 24, -8))[..., None]  # waves
    else:
        image[:] = ROAD
        image += (np.where((rows % 16 < 2) & (columns % 12 < 7), 90, 0))[..., None]  # lane marks
    for box in layout.objects:
        top, left = max(0, box.top - distance), max(0, box.left - distance)
        image[top : box.top + box.height + distance, left : box.left + box.width + distance] = APRON
    return image


def _fill(label: np.ndarray, box: Box, value: int) -> None:
    label[box.top : box.top + box.height, box.left : box.left + box.width] = value


def _mark(image: np.ndarray, box: Box, face: Colour | int, rim: Colour | int, rim_width: int = 1) -> None:
    patch = image[box.top : box.top + box.height, box.left : box.left + box.width]
    patch[:] = rim
    patch[rim_width:-rim_width, rim_width:-rim_width] = face


def _vehicle(image: np.ndarray, box: Box, body: Colour) -> None:
    """A body with a dark rim and a dark cabin; nothing of it depends on the class."""
    h, w = box.height, box.width
    patch = image[box.top : box.top + h, box.left : box.left + w]
    patch[:] = 40
    patch[1:-1, 1:-1] = body
    patch[h // 3 : h - h // 3, w // 3 : w - w // 3] = (60, 60, 70)
