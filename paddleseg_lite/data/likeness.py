"""What the training pictures looked like, and whether another picture looks like them.

A network answers any picture with its classes, a holiday photo as well as an X-ray. What is measured here is coarse,
and so is what it can tell: a picture within the range of the training pictures may still be of something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from ..errors import DataError

SAMPLES = 64  # pictures that are looked at, evenly spread
SIDE = 256  # pixels: larger pictures are measured at this size, so that resolution alone changes nothing
MARGIN, FEW = 0.2, 7.0  # a picture may lie beyond the range by 0.2 + 7 / n of it: few pictures show little of it
LEAST = 0.04  # the least margin, for pictures that are all alike
SIZES = 2.5  # times larger or smaller than any training picture
WORDS = {
    "brightness": ("darker", "brighter"),
    "contrast": ("of less contrast", "of more contrast"),
    "colour": ("less colourful", "more colourful"),
    "detail": ("smoother", "more finely grained"),
}


@dataclass(frozen=True)
class PictureStatistics:
    """Ranges over training pictures.

    Attributes:
        pictures: how many were looked at.
        channels: bands of each.
        sides: shortest and longest long side, in pixels.
        ranges: ``{measure: [smallest, largest]}``, see :func:`measures`.
    """

    pictures: int
    channels: int
    sides: tuple[int, int]
    ranges: Mapping[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Any) -> PictureStatistics | None:
        """What :meth:`to_dict` gave; ``None`` where it is nothing of the kind (an older run)."""
        try:
            ranges = {str(k): (float(low), float(high)) for k, (low, high) in saved["ranges"].items()}
            low, high = (int(v) for v in saved["sides"])
            return cls(int(saved["pictures"]), int(saved["channels"]), (low, high), ranges)
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


def measures(image: np.ndarray) -> dict[str, float]:
    """Coarse measures of a picture, each from 0 to 1.

    Args:
        image: uint8 ``[H, W, C]``.

    Returns:
        ``brightness``: mean; ``contrast``: standard deviation; ``colour``: how far the channels lie apart (three
        channels only); ``detail``: mean step between neighbours, as a share of the contrast.
    """
    scale = SIDE / max(image.shape[:2])
    if scale < 1:
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        bands = [
            cv2.resize(np.ascontiguousarray(band), size, interpolation=cv2.INTER_AREA) for band in cv2.split(image)
        ]
        image = np.stack(bands, axis=2)
    values = image.astype(np.float32) / 255
    grey = values.mean(2)
    steps = [np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1) if grey.shape[axis] > 1]
    spread = float(grey.std())
    found = {
        "brightness": float(grey.mean()),
        "contrast": spread,
        "detail": min(1.0, float(np.mean(steps)) / max(spread, 0.02)) if steps else 0.0,
    }
    if values.shape[2] == 3:
        found["colour"] = float((values.max(2) - values.min(2)).mean())
    return found


def picture_statistics(dataset: Any) -> PictureStatistics | None:
    """Look at some pictures of a dataset, before any transform; ``None`` where none can be read."""
    indices = np.unique(np.linspace(0, len(dataset) - 1, min(SAMPLES, len(dataset))).round().astype(int))
    return summarise(_images(dataset, indices.tolist()))


def _images(dataset: Any, indices: Iterable[int]) -> Iterable[np.ndarray]:
    for index in indices:
        try:
            yield dataset.load(index)["image"]
        except DataError:  # the doctor and the loader speak of those
            continue


def summarise(images: Iterable[np.ndarray]) -> PictureStatistics | None:
    """The ranges over pictures, uint8 ``[H, W, C]`` each."""
    found: list[dict[str, float]] = []
    sides, channels = [], 0
    for image in images:
        found.append(measures(image))
        sides.append(max(image.shape[:2]))
        channels = image.shape[2]
    if not found:
        return None
    ranges = {name: (min(m[name] for m in found), max(m[name] for m in found)) for name in found[0]}
    return PictureStatistics(len(found), channels, (min(sides), max(sides)), ranges)


def unlike(image: np.ndarray, known: PictureStatistics, *, sized: bool = True) -> list[str]:
    """How a picture differs from the training pictures, in words; empty where it may be one of them.

    Args:
        image: uint8 ``[H, W, C]``.
        known: of the training pictures.
        sized: whether size matters: it does not where pictures are brought to one size first.
    """
    height, width = image.shape[:2]
    reasons = []
    low, high = known.sides
    if sized and not low / SIZES <= max(height, width) <= high * SIZES:
        those = f"{low}" if low == high else f"{low} to {high}"
        reasons.append(f"{width}x{height} pixels (long sides there: {those})")
    for name, value in measures(image).items():
        if name not in known.ranges:
            continue
        low_value, high_value = known.ranges[name]
        margin = max(LEAST, (MARGIN + FEW / known.pictures) * (high_value - low_value))
        if not low_value - margin <= value <= high_value + margin:
            word = WORDS[name][value > high_value]
            reasons.append(f"{word} ({name} {value:.2f}, there {low_value:.2f} to {high_value:.2f})")
    return reasons
