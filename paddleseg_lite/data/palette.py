"""Colours for class ids, and pictures made of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..errors import ConfigError


def voc_palette(count: int = 256) -> np.ndarray:
    """The PASCAL VOC colours: class 0 is black, all of the first 256 differ.

    The bits of the id are dealt out to red, green and blue in turn, the lowest
    first, each to the highest free bit of its colour (VOC development kit).

    Returns:
        uint8 RGB [count, 3].
    """
    ids = np.arange(count)
    colours = np.zeros((count, 3), np.uint8)
    for level in range(8):
        for channel in range(3):
            bit = (ids >> (3 * level + channel)) & 1
            colours[:, channel] |= (bit << (7 - level)).astype(np.uint8)
    return colours


def stuff_palette(count: int) -> np.ndarray:
    """The VOC colours without the black of background: for datasets where class 0 is a class like any other."""
    return voc_palette(count + 1)[1:]


def parse_palette(colours: Sequence, num_classes: int | None = None) -> np.ndarray:
    """Check a user's colours: a flat list (PaddleSeg's ``--custom_color``) or a list of RGB triples.

    Raises:
        ConfigError: not triples of 0..255, or fewer colours than classes.
    """
    try:
        array = np.asarray(colours).reshape(-1, 3)
        good = array.dtype.kind in "iu" and array.min(initial=0) >= 0 and array.max(initial=0) <= 255
    except (ValueError, TypeError):
        good = False
    if not good:
        raise ConfigError(
            f"a palette is RGB triples of integers from 0 to 255, 3 numbers for each class, got {str(colours)[:60]}."
        )
    if num_classes is not None and len(array) < num_classes:
        raise ConfigError(f"{len(array)} colours are given for {num_classes} classes: give one RGB triple for each.")
    return array.astype(np.uint8)


def colorize(
    ids: np.ndarray,
    palette: np.ndarray,
    *,
    ignore_index: int | None = 255,
    ignore_colour: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """Paint class ids [H, W] in class colours.

    Ids beyond the palette, and ``ignore_index``, get ``ignore_colour``.

    Returns:
        uint8 RGB [H, W, 3].
    """
    ids = np.asarray(ids)
    ids = ids.astype(np.int16) if ids.dtype.itemsize == 1 else ids  # the place behind 256 colours is no uint8
    table = np.vstack([np.asarray(palette, np.uint8).reshape(-1, 3), np.asarray([ignore_colour], np.uint8)])
    last = len(table) - 1
    index = np.where((ids < 0) | (ids >= last), last, ids)
    if ignore_index is not None:
        index = np.where(ids == ignore_index, last, index)
    return table[index]


def blend(image: np.ndarray, colours: np.ndarray, weight: float = 0.6) -> np.ndarray:
    """Lay colours [H, W, 3] over an image [H, W, 3], both uint8; ``weight`` is the image's share."""
    return cv2.addWeighted(np.ascontiguousarray(image), weight, np.ascontiguousarray(colours), 1.0 - weight, 0.0)
