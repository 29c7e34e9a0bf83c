"""Images whose header is not enough: many bands, more than 8 bits, floating point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data import png
from ..data.io import read_samples
from ..data.levels import dark_message, is_dark, to_uint8
from .findings import Diagnosis

_SPREAD = 1e-3  # a standard deviation below this is none


@dataclass(frozen=True)
class Levels:
    """What reading an image as its dataset does has shown.

    Attributes:
        largest: stored value, where the image has 16 bits and nothing says which part of them is used.
        means, squares: of each band's values and of their squares, scaled to 0..1.
    """

    largest: int | None
    means: list[float]
    squares: list[float]


def must_be_read(data: bytes, channels: int) -> bool:
    """Whether the header leaves open if the image can be had as ``channels`` of 8 bits."""
    if png.is_png(data):
        return channels not in (1, 3) or data[24:25] == b"\x10"
    return channels not in (1, 3) or data[:2] not in (b"\xff\xd8", b"BM", b"RI")


def look_at_levels(path: str, channels: int, value_range) -> Levels:
    """Read an image as its dataset does.

    Raises:
        DataError: it has other bands, or values without a known range.
    """
    samples = read_samples(path, channels)
    stored = samples.values
    whole = stored.dtype == np.uint16 and samples.top in (None, 65535) and value_range is None
    values = to_uint8(stored, path, top=samples.top, value_range=value_range, warn=False)
    table = np.stack([np.bincount(values[..., c].reshape(-1), minlength=256) for c in range(values.shape[2])])
    share = np.arange(256) / 255
    pixels = values.shape[0] * values.shape[1]
    return Levels(
        largest=int(stored.max()) if whole else None,
        means=(table @ share / pixels).tolist(),
        squares=(table @ share**2 / pixels).tolist(),
    )


def examine_levels(diagnosis: Diagnosis, name: str, dataset, levels: list[Levels]) -> None:
    """Findings about the images that had to be read."""
    if not levels:
        return
    deep = [found.largest for found in levels if found.largest is not None]
    if deep and is_dark(max(deep)):
        diagnosis.add(
            "warning",
            "data",
            dark_message(max(deep), f"{name}: {len(deep)} images of 16 bits"),
            "set value_range in train_dataset and val_dataset to what the sensor gives",
        )
    if name != "train":
        return
    mean, std = statistics(levels)
    diagnosis.facts["normalize"] = {"mean": mean, "std": std}
    if dataset.img_channels not in (1, 3):
        diagnosis.add(
            "info",
            "data",
            f"statistics of the {len(mean)} bands over {len(levels)} training images: mean {mean}, std {std}",
            f"in the transforms of both datasets: {{type: Normalize, mean: {mean}, std: {std}}}",
        )


def statistics(levels: list[Levels]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each band over images of equal weight, for Normalize."""
    means = np.mean([found.means for found in levels], axis=0)
    squares = np.mean([found.squares for found in levels], axis=0)
    std = np.sqrt(np.maximum(squares - means**2, 0))
    std = np.where(std < _SPREAD, 1.0, std)  # a constant band stays what it is
    return np.round(means, 4).tolist(), np.round(std, 4).tolist()
