"""Resizing and padding without chance: for training, validation and prediction alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from ...registry import TRANSFORMS
from .base import (
    IMAGE_PADDING,
    INTERPOLATIONS,
    LABEL_PADDING,
    LARGEST_SIDE,
    Fill,
    Sample,
    Transform,
    geometric,
    pad_array,
    resize_sample,
    size_pair,
)


@TRANSFORMS.register(small={"target_size": [50, 44]})
class Resize(Transform):
    """Resize to a fixed size.

    Args:
        target_size: (width, height).
        keep_ratio: take the largest size of the image's own shape whose long and
            short side fit the long and short side of ``target_size``.
        size_divisor: round both sides up to multiples of it.
        interp: NEAREST, LINEAR, CUBIC, AREA, LANCZOS4, or RANDOM (training only).
    """

    def __init__(
        self,
        *,
        target_size: Sequence[int] = (512, 512),
        keep_ratio: bool = False,
        size_divisor: int | None = None,
        interp: str = "LINEAR",
    ) -> None:
        self.target_size = tuple(size_pair(target_size, "Resize target_size")[::-1])
        if interp != "RANDOM" and interp not in INTERPOLATIONS:
            raise ConfigError(f"Resize interp is one of {', '.join(INTERPOLATIONS)}, RANDOM, but got {interp!r}.")
        if size_divisor is not None and (not isinstance(size_divisor, int) or size_divisor < 1):
            raise ConfigError(f"Resize size_divisor is a positive integer, but got {size_divisor!r}.")
        self.keep_ratio, self.size_divisor, self.interp = keep_ratio, size_divisor, interp
        self.random = interp == "RANDOM"

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        h, w = sample["image"].shape[:2]
        width, height = self.target_size
        if self.keep_ratio:
            scale = min(max(width, height) / max(h, w), min(width, height) / min(h, w))
            width, height = max(1, round(w * scale)), max(1, round(h * scale))
        if self.size_divisor:
            width, height = (math.ceil(v / self.size_divisor) * self.size_divisor for v in (width, height))
        interp = list(INTERPOLATIONS)[rng.integers(len(INTERPOLATIONS))] if self.interp == "RANDOM" else self.interp
        return resize_sample(sample, (height, width), INTERPOLATIONS[interp])


@TRANSFORMS.register(small={"long_size": 64})
class ResizeByLong(Transform):
    """Resize so that the long side is ``long_size``, in the image's own shape."""

    def __init__(self, *, long_size: int) -> None:
        self.long_size = _side(long_size, "ResizeByLong long_size")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return _scale_to(sample, self.long_size / max(sample["image"].shape[:2]))


@TRANSFORMS.register(small={"short_size": 90})
class ResizeByShort(Transform):
    """Resize so that the short side is ``short_size``, in the image's own shape.

    Args:
        short_size: in pixels.
        max_size: the long side becomes no longer than this.
    """

    def __init__(self, *, short_size: int, max_size: int | None = None) -> None:
        self.short_size = _side(short_size, "ResizeByShort short_size")
        self.max_size = None if max_size is None else _side(int(max_size), "ResizeByShort max_size")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        h, w = sample["image"].shape[:2]
        scale = self.short_size / min(h, w)
        if self.max_size is not None:
            scale = min(scale, self.max_size / max(h, w))
        return _scale_to(sample, scale)


@TRANSFORMS.register(small={"max_long": 36})
class LimitLong(Transform):
    """Bring the long side within ``[min_long, max_long]``, in the image's own shape."""

    def __init__(self, *, max_long: int | None = None, min_long: int | None = None) -> None:
        self.max_long = None if max_long is None else _side(max_long, "LimitLong max_long")
        self.min_long = None if min_long is None else _side(min_long, "LimitLong min_long")
        if max_long is not None and min_long is not None and min_long > max_long:
            raise ConfigError(f"LimitLong min_long {min_long} is above max_long {max_long}.")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        long = target = max(sample["image"].shape[:2])
        if self.max_long is not None:
            target = min(target, self.max_long)
        if self.min_long is not None:
            target = max(target, self.min_long)
        return sample if target == long else _scale_to(sample, target / long)


@TRANSFORMS.register(small={"target_size": [96, 90]})
class Padding(Transform):
    """Pad below and to the right up to a fixed size.

    Args:
        target_size: (width, height), not smaller than the image.
        im_padding_value: a number, or one for each channel.
        label_padding_value: the dataset's ``ignore_index`` unless given.
    """

    def __init__(
        self, *, target_size: Any, im_padding_value: Fill = IMAGE_PADDING, label_padding_value: int = LABEL_PADDING
    ) -> None:
        self.target_size = tuple(size_pair(target_size, "Padding target_size")[::-1])
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        h, w = sample["image"].shape[:2]
        width, height = self.target_size
        if height < h or width < w:
            raise DataError(
                f"image {sample.get('meta', {}).get('path', '')} is {w} x {h}, larger than Padding's target_size "
                f"{width} x {height} (width x height): resize before padding, or raise target_size."
            )
        if (height, width) == (h, w):
            return sample
        return pad_sample(sample, height - h, width - w, self.im_padding_value, self.label_padding_value)


def pad_sample(sample: Sample, bottom: int, right: int, im_padding_value: Fill, label_padding_value: int) -> Sample:
    """Pad image, label and weight (by 0: what is padded counts for nothing)."""
    return geometric(
        sample,
        lambda a: pad_array(a, bottom, right, im_padding_value),
        lambda a: pad_array(a, bottom, right, label_padding_value),
        lambda a: pad_array(a, bottom, right, 0.0),
        undo=("padding", tuple(sample["image"].shape[:2])),
    )


def _scale_to(sample: Sample, scale: float) -> Sample:
    h, w = sample["image"].shape[:2]
    return resize_sample(sample, (max(1, round(h * scale)), max(1, round(w * scale))))


def _side(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} is a positive integer, but got {value!r}.")
    if value > LARGEST_SIDE:
        raise ConfigError(f"{name} is up to {LARGEST_SIDE} pixels, but got {value!r}.")
    return value
