"""Brushes for :mod:`.scenes`: fill a shape with a class and a texture.

Everything is integer arithmetic and comparisons on NumPy arrays (no OpenCV, no
sine, no Gaussian), so that a scene is the same on every platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np

Colour = Union[Sequence[int], np.ndarray]  # red, green, blue
Window = tuple[slice, slice]  # rows, columns


class Canvas:
    """A picture and its label, painted from back to front.

    Args:
        height, width: in pixels.
        rng: textures are drawn from it once, and shared by all shapes.

    Attributes:
        colour: int32 [H, W, 3], not clipped before :meth:`finish`.
        label: uint8 [H, W].
        unit: pixels that 1/96 of the shorter side takes, for sizes.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.height, self.width = height, width
        self.unit = min(height, width) / 96
        self.colour = np.zeros((height, width, 3), np.int32)
        self.label = np.zeros((height, width), np.uint8)
        self.grain = rng.integers(-128, 128, (height, width), dtype=np.int8).astype(np.int32)
        cell = max(3, round(4 * self.unit))
        self.blotches = smooth_noise(rng, height, width, cell)
        self.clouds = smooth_noise(rng, height, width, 4 * cell)

    def rectangle(
        self, top: float, bottom: float, left: float, right: float, class_id: int, colour: Colour, **texture: Any
    ) -> None:
        """Fill rows top..bottom-1, columns left..right-1."""
        window = self._window(top, bottom, left, right)
        if window is not None:
            self._fill(window, None, class_id, colour, **texture)

    def ellipse(
        self,
        cy: float,
        cx: float,
        ry: float,
        rx: float,
        class_id: int,
        colour: Colour,
        *,
        ragged: int = 0,
        **texture: Any,
    ) -> None:
        """Fill an ellipse; ``ragged`` (of 100) roughens its edge."""
        window = self._window(int(cy - ry) - 1, int(cy + ry) + 3, int(cx - rx) - 1, int(cx + rx) + 3)
        if window is None:
            return
        rows, columns = self._centres(window)
        inside = ((rows - cy) / max(ry, 0.5)) ** 2 + ((columns - cx) / max(rx, 0.5)) ** 2
        if ragged:
            inside = inside + self.blotches[window] * (ragged / 12800)
        self._fill(window, inside <= 1, class_id, colour, **texture)

    def polygon(self, points: Sequence[tuple[float, float]], class_id: int, colour: Colour, **texture: Any) -> None:
        """Fill a convex polygon of (y, x) points, clockwise as seen."""
        ys, xs = [p[0] for p in points], [p[1] for p in points]
        window = self._window(int(min(ys)), int(max(ys)) + 1, int(min(xs)), int(max(xs)) + 1)
        if window is None:
            return
        rows, columns = self._centres(window)
        mask = None
        for (y0, x0), (y1, x1) in zip(points, [*points[1:], *points[:1]]):
            side = (columns - x0) * (y1 - y0) - (rows - y0) * (x1 - x0) <= 0
            mask = side if mask is None else mask & side
        self._fill(window, mask, class_id, colour, **texture)

    def below(self, contour: np.ndarray, class_id: int, colour: Colour, *, bottom: int, **texture: Any) -> None:
        """Fill each column from row ``contour`` [W] down to ``bottom``."""
        window = self._window(int(contour.min()), bottom, 0, self.width)
        if window is None:
            return
        rows, _ = self._centres(window)
        self._fill(window, rows >= contour[None, :], class_id, colour, **texture)

    def cable(
        self, y0: float, x0: float, y1: float, x1: float, sag: float, thickness: int, class_id: int, colour: Colour
    ) -> None:
        """A hanging line from (y0, x0) to (y1, x1), ``thickness`` pixels high everywhere."""
        if x1 < x0:
            y0, x0, y1, x1 = y1, x1, y0, x0
        left, right = max(0, round(x0)), min(self.width, round(x1))
        if right <= left:
            return
        t = (np.arange(left, right) + 0.5 - x0) / max(x1 - x0, 1)
        top = np.floor(y0 + (y1 - y0) * t + 4 * sag * t * (1 - t)).astype(int)
        window = self._window(top.min(), top.max() + thickness, left, right)
        if window is None:
            return
        rows = np.arange(window[0].start, window[0].stop)[:, None]
        self._fill(window, (rows >= top) & (rows < top + thickness), class_id, colour, grain=6)

    def shade(self, cy: float, cx: float, ry: float, rx: float, percent: int) -> None:
        """Darken or lighten what is there, by up to ``percent``; the label stays."""
        window = self._window(int(cy - ry) - 1, int(cy + ry) + 2, int(cx - rx) - 1, int(cx + rx) + 2)
        if window is None:
            return
        rows, columns = self._centres(window)
        inside = ((rows - cy) / max(ry, 1)) ** 2 + ((columns - cx) / max(rx, 1)) ** 2
        part = self.colour[window]
        part[inside <= 1] = part[inside <= 1] * (100 + percent) // 100

    def finish(self, rng: np.random.Generator, gain: int, cast: Any, noise: int) -> np.ndarray:
        """The picture, uint8 [H, W, 3].

        Args:
            gain: brightness in 1/256.
            cast: added to red, green, blue.
            noise: standard deviation of the sensor's noise, in 1/16 of a grey level.
        """
        image = self.colour * gain // 256 + np.asarray(cast, np.int32)
        if noise:
            # the sum of two evenly spread bytes has a standard deviation of 104.5: near enough to a Gaussian
            bytes_ = rng.integers(0, 256, (2, *image.shape), dtype=np.uint8).astype(np.int32)
            image = image + (bytes_.sum(axis=0) - 255) * noise // 1672
        return np.clip(image, 0, 255).astype(np.uint8)

    def _window(self, top: float, bottom: float, left: float, right: float) -> Window | None:
        top, bottom = max(0, int(top)), min(self.height, int(bottom))
        left, right = max(0, int(left)), min(self.width, int(right))
        return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None

    @staticmethod
    def _centres(window: Window) -> tuple[np.ndarray, np.ndarray]:
        rows, columns = window
        return np.arange(rows.start, rows.stop)[:, None] + 0.5, np.arange(columns.start, columns.stop)[None, :] + 0.5

    def _fill(
        self,
        window: Window,
        mask: np.ndarray | None,
        class_id: int,
        colour: Colour,
        *,
        grain: int = 0,
        blotches: int = 0,
        rows: np.ndarray | None = None,
        overlay: np.ndarray | None = None,
    ) -> None:
        """Paint; ``grain``, ``blotches``: amplitudes; ``rows`` [h, 1] is added; ``overlay`` [h, w] too."""
        tone = self.grain[window] * grain + self.blotches[window] * blotches
        tone = tone // 128
        if rows is not None:
            tone = tone + rows[: tone.shape[0]]
        if overlay is not None:
            tone = tone + overlay[: tone.shape[0], : tone.shape[1]]
        paint = tone[..., None] + np.asarray(colour, np.int32)
        if mask is None:
            self.colour[window] = paint
            if class_id is not None:
                self.label[window] = class_id
            return
        np.copyto(self.colour[window], paint, where=mask[..., None])
        if class_id is not None:
            np.copyto(self.label[window], np.uint8(class_id), where=mask)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> np.ndarray:
    """Even noise from -128 to 127 on a grid of ``cell`` pixels, bilinear between; int32 [H, W]."""
    grid = rng.integers(-128, 128, (height // cell + 2, width // cell + 2)).astype(np.int32)
    y, x = np.arange(height), np.arange(width)
    ty, tx = (y % cell)[:, None], (x % cell)[None, :]
    rows = grid[y // cell] * (cell - ty) + grid[y // cell + 1] * ty
    return (rows[:, x // cell] * (cell - tx) + rows[:, x // cell + 1] * tx) // (cell * cell)
