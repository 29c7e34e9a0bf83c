"""Random scale, crop, flip, rotation and aspect, the same for image, label and weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ...errors import ConfigError
from ...registry import TRANSFORMS
from .base import (
    IMAGE_PADDING,
    LABEL_PADDING,
    Fill,
    Sample,
    Transform,
    channel_values,
    geometric,
    probability,
    resize_image,
    resize_label,
    resize_sample,
    size_pair,
)
from .resize import pad_sample


@TRANSFORMS.register
class ResizeStepScaling(Transform):
    """Scale by a factor drawn from ``min_scale_factor`` to ``max_scale_factor`` in steps of ``scale_step_size``.

    A step of 0 stands for any factor between the two.
    """

    random = True

    def __init__(
        self, *, min_scale_factor: float = 0.75, max_scale_factor: float = 1.25, scale_step_size: float = 0.25
    ) -> None:
        numbers = (min_scale_factor, max_scale_factor, scale_step_size)
        if not 0 < min_scale_factor <= max_scale_factor or not scale_step_size >= 0:  # so put, NaN is refused, too
            raise ConfigError(
                "ResizeStepScaling needs 0 < min_scale_factor <= max_scale_factor and scale_step_size >= 0, "
                f"but got {', '.join(map(str, numbers))}."
            )
        steps = (max_scale_factor - min_scale_factor) / scale_step_size if scale_step_size else 0.0
        if max_scale_factor > 64 or steps > 10_000:
            raise ConfigError(
                "ResizeStepScaling takes factors up to 64 and no more than 10000 steps between them, but got "
                f"{', '.join(map(str, numbers))}."
            )
        self.min_scale_factor, self.max_scale_factor = min_scale_factor, max_scale_factor
        self.scale_step_size = scale_step_size

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        low, high = self.min_scale_factor, self.max_scale_factor
        if low == high:
            scale = low
        elif self.scale_step_size == 0:
            scale = rng.uniform(low, high)
        else:
            steps = int((high - low) / self.scale_step_size + 1)
            scale = np.linspace(low, high, steps)[rng.integers(steps)]
        h, w = sample["image"].shape[:2]
        return resize_sample(sample, (max(1, round(h * scale)), max(1, round(w * scale))))


@TRANSFORMS.register(small={"crop_size": [70, 64]})
class RandomPaddingCrop(Transform):
    """Crop a window of fixed size at random; an image that is too small is padded below and to the right.

    Args:
        crop_size: (width, height).
        im_padding_value: a number, or one for each channel.
        label_padding_value: the dataset's ``ignore_index`` unless given.
        category_max_ratio: below 1, up to ``loop_times`` windows are drawn until
            one holds two classes and none with a larger share than this.
        ignore_index: left out of those shares.
    """

    random = True

    def __init__(
        self,
        *,
        crop_size: Sequence[int] = (512, 512),
        im_padding_value: Fill = IMAGE_PADDING,
        label_padding_value: int = LABEL_PADDING,
        category_max_ratio: float = 1.0,
        ignore_index: int = 255,
        loop_times: int = 10,
    ) -> None:
        self.crop_size = tuple(size_pair(crop_size, "RandomPaddingCrop crop_size")[::-1])
        if not category_max_ratio > 0 or loop_times < 1:
            raise ConfigError("RandomPaddingCrop needs category_max_ratio > 0 and loop_times >= 1.")
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value
        self.category_max_ratio, self.ignore_index, self.loop_times = category_max_ratio, ignore_index, loop_times

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        width, height = self.crop_size
        h, w = sample["image"].shape[:2]
        bottom, right = max(height - h, 0), max(width - w, 0)
        if bottom or right:
            sample = pad_sample(sample, bottom, right, self.im_padding_value, self.label_padding_value)
            h, w = sample["image"].shape[:2]
        if (h, w) == (height, width):
            return sample
        top, left = self._offsets(rng, h - height, w - width)
        if self.category_max_ratio < 1 and sample.get("label") is not None:
            for _ in range(self.loop_times):
                if self._mixed(sample["label"][top : top + height, left : left + width]):
                    break
                top, left = self._offsets(rng, h - height, w - width)
        cut = slice(top, top + height), slice(left, left + width)
        return geometric(sample, lambda a: a[cut], lambda a: a[cut])

    @staticmethod
    def _offsets(rng: np.random.Generator, spare_h: int, spare_w: int) -> tuple[int, int]:
        return int(rng.integers(spare_h + 1)), int(rng.integers(spare_w + 1))

    def _mixed(self, label: np.ndarray) -> bool:
        ids, pixels = np.unique(label, return_counts=True)
        pixels = pixels[ids != self.ignore_index]
        return len(pixels) > 1 and pixels.max() < self.category_max_ratio * pixels.sum()


@TRANSFORMS.register(small={"prob": 1.0})
class RandomHorizontalFlip(Transform):
    """Mirror left and right with probability ``prob``."""

    random = True

    def __init__(self, *, prob: float = 0.5) -> None:
        self.prob = probability(prob, "RandomHorizontalFlip prob")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        return geometric(sample, lambda a: cv2.flip(a, 1), lambda a: cv2.flip(a, 1))


@TRANSFORMS.register(small={"prob": 1.0})
class RandomVerticalFlip(Transform):
    """Mirror top and bottom with probability ``prob``."""

    random = True

    def __init__(self, *, prob: float = 0.1) -> None:
        self.prob = probability(prob, "RandomVerticalFlip prob")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        return geometric(sample, lambda a: cv2.flip(a, 0), lambda a: cv2.flip(a, 0))


@TRANSFORMS.register
class RandomRotation(Transform):
    """Rotate about the centre by up to ``max_rotation`` degrees; the canvas grows, corners are padded.

    Args:
        max_rotation: degrees; drawn evenly from -max to max.
        im_padding_value, label_padding_value: as in Padding.
    """

    random = True

    def __init__(
        self,
        *,
        max_rotation: int = 15,
        im_padding_value: Fill = IMAGE_PADDING,
        label_padding_value: int = LABEL_PADDING,
    ) -> None:
        if not max_rotation >= 0:
            raise ConfigError(f"RandomRotation max_rotation is in degrees, 0 or more, but got {max_rotation!r}.")
        self.max_rotation = max_rotation
        self.im_padding_value, self.label_padding_value = im_padding_value, label_padding_value

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if self.max_rotation == 0:
            return sample
        angle = rng.uniform(-self.max_rotation, self.max_rotation)
        h, w = sample["image"].shape[:2]
        matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle, 1.0)
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        width, height = max(1, int(h * sin + w * cos)), max(1, int(h * cos + w * sin))
        matrix[0, 2] += (width - w) / 2
        matrix[1, 2] += (height - h) / 2

        def warp(array: np.ndarray, flag: int, value: Any) -> np.ndarray:
            fill = np.atleast_1d(channel_values(value, array)).tolist()[:4]
            return cv2.warpAffine(
                array, matrix, (width, height), flags=flag, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
            )

        return geometric(
            sample,
            lambda a: warp(a, cv2.INTER_LINEAR, self.im_padding_value),
            lambda a: warp(a, cv2.INTER_NEAREST, self.label_padding_value),
            lambda a: warp(a, cv2.INTER_LINEAR, 0.0),
        )


@TRANSFORMS.register
class RandomScaleAspect(Transform):
    """Crop a window of random area and shape and stretch it to the image's size.

    Args:
        min_scale: smallest share of the image's area (0: do nothing).
        aspect_ratio: smallest width : height; the largest is its inverse (0: do nothing).
    """

    random = True

    def __init__(self, *, min_scale: float = 0.5, aspect_ratio: float = 0.33) -> None:
        if not 0 <= min_scale <= 1 or not 0 <= aspect_ratio <= 1:
            raise ConfigError(
                f"RandomScaleAspect min_scale and aspect_ratio lie in 0..1, but got {min_scale}, {aspect_ratio}."
            )
        self.min_scale, self.aspect_ratio = min_scale, aspect_ratio

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if self.min_scale == 0 or self.aspect_ratio == 0:
            return sample
        h, w = sample["image"].shape[:2]
        for _ in range(10):  # a window may not fit; then the image stays as it is
            area = h * w * rng.uniform(self.min_scale, 1.0)
            aspect = rng.uniform(self.aspect_ratio, 1 / self.aspect_ratio)
            width, height = max(1, int(np.sqrt(area * aspect))), max(1, int(np.sqrt(area / aspect)))
            if rng.random() < 0.5:
                width, height = height, width
            if height < h and width < w:
                top, left = int(rng.integers(h - height + 1)), int(rng.integers(w - width + 1))
                cut = slice(top, top + height), slice(left, left + width)
                return geometric(
                    sample,
                    lambda a: resize_image(np.ascontiguousarray(a[cut]), (h, w)),  # noqa: B023 (used at once)
                    lambda a: resize_label(np.ascontiguousarray(a[cut]), (h, w)),  # noqa: B023
                )
        return sample
