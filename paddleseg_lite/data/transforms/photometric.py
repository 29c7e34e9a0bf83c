"""Random colour and blur: the image changes, the label does not."""

from __future__ import annotations

import cv2
import numpy as np

from ...errors import ConfigError
from ...registry import TRANSFORMS
from .base import Sample, Transform, keep_channels, probability


class Photometric(Transform):
    """A change of uint8 image values alone."""

    random = True

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        image = sample["image"]
        if image.dtype != np.uint8:
            raise ConfigError(f"{type(self).__name__} works on uint8 images: put it before Normalize.")
        return {**sample, "image": keep_channels(lambda a: self.change(a, rng), image)}

    def change(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError


@TRANSFORMS.register
class RandomDistort(Photometric):
    """Change brightness, contrast, saturation, hue and sharpness, in random order.

    Each is applied with its own probability, by a factor drawn evenly from
    ``1 - range`` to ``1 + range`` (hue: added, of 256 steps round the circle).
    Saturation and hue touch the first three channels; grey images have neither.
    The formulas are Pillow's ``ImageEnhance`` ones, which PaddleSeg uses.

    Args:
        brightness_range, contrast_range, saturation_range, sharpness_range: how far from 1 a factor lies at most.
        hue_range: steps of 256 round the circle at most.
        brightness_prob, contrast_prob, saturation_prob, hue_prob, sharpness_prob: how often each is applied.
    """

    def __init__(
        self,
        *,
        brightness_range: float = 0.5,
        brightness_prob: float = 0.5,
        contrast_range: float = 0.5,
        contrast_prob: float = 0.5,
        saturation_range: float = 0.5,
        saturation_prob: float = 0.5,
        hue_range: int = 18,
        hue_prob: float = 0.5,
        sharpness_range: float = 0.5,
        sharpness_prob: int = 0,
    ) -> None:
        self.brightness_range, self.brightness_prob = brightness_range, brightness_prob
        self.contrast_range, self.contrast_prob = contrast_range, contrast_prob
        self.saturation_range, self.saturation_prob = saturation_range, saturation_prob
        self.hue_range, self.hue_prob = hue_range, hue_prob
        self.sharpness_range, self.sharpness_prob = sharpness_range, sharpness_prob
        for name, value in vars(self).items():
            if name.endswith("_prob"):
                probability(value, f"RandomDistort {name}")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise ConfigError(f"RandomDistort {name} is a number, 0 or more, but got {value!r}.")

    def change(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        steps = (brightness, contrast, saturation, hue, sharpness)
        for i in rng.permutation(len(steps)):
            step = steps[i]
            width, prob = getattr(self, f"{step.__name__}_range"), getattr(self, f"{step.__name__}_prob")
            draw, value = rng.random(), rng.uniform(-width, width)
            if draw < prob:
                amount = value if step is hue else 1 + value
                image = keep_channels(lambda a: step(a, amount), image)  # noqa: B023 (used at once)
        return image


@TRANSFORMS.register(small={"prob": 1.0})
class RandomBlur(Photometric):
    """Blur with an odd kernel of 3 to 9 pixels with probability ``prob``.

    Args:
        prob: a true probability (PaddleSeg takes 1 / int(1 / prob), which is 1 from 0.51 on).
        blur_type: gaussian, median, blur (box), or random (one of these).
    """

    def __init__(self, *, prob: float = 0.1, blur_type: str = "gaussian") -> None:
        if blur_type not in ("gaussian", "median", "blur", "random"):
            raise ConfigError(f"RandomBlur blur_type is gaussian, median, blur or random, but got {blur_type!r}.")
        self.prob, self.blur_type = probability(prob, "RandomBlur prob"), blur_type

    def change(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        draw, size, kind = rng.random(), int(rng.choice((3, 5, 7, 9))), int(rng.integers(3))
        if draw >= self.prob:
            return image
        name = ("gaussian", "median", "blur")[kind] if self.blur_type == "random" else self.blur_type
        if name == "median":
            return np.dstack([cv2.medianBlur(band, size) for band in cv2.split(image)])  # OpenCV's takes 1, 3 or 4
        return cv2.GaussianBlur(image, (size, size), 0) if name == "gaussian" else cv2.blur(image, (size, size))


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with black: ``factor`` times the value."""
    return cv2.LUT(image, _clip(np.arange(256) * factor))


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the image's mean grey."""
    mean = np.floor(_grey(image).mean() + 0.5)
    return cv2.LUT(image, _clip(mean + factor * (np.arange(256) - mean)))


def saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the grey image."""
    if image.shape[2] < 3:
        return image
    grey = cv2.cvtColor(_grey(image), cv2.COLOR_GRAY2RGB)
    return _with_rgb(image, cv2.addWeighted(_rgb(image), factor, grey, 1 - factor, 0))


def hue(image: np.ndarray, shift: float) -> np.ndarray:
    """Turn the hue by ``shift`` of 256 steps."""
    if image.shape[2] < 3:
        return image
    hsv = cv2.cvtColor(_rgb(image), cv2.COLOR_RGB2HSV_FULL)
    turned = ((np.arange(256) + round(shift)) % 256).astype(np.uint8)
    hsv[..., 0] = cv2.LUT(np.ascontiguousarray(hsv[..., 0]), turned)
    return _with_rgb(image, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL))


def sharpness(image: np.ndarray, factor: float) -> np.ndarray:
    """Blend with the image smoothed by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13; the border stays."""
    kernel = np.ones((3, 3), np.float32) / 13
    kernel[1, 1] = 5 / 13
    image = np.ascontiguousarray(image)
    smooth = cv2.filter2D(image, -1, kernel).reshape(image.shape)
    smooth[[0, -1]] = image[[0, -1]]
    smooth[:, [0, -1]] = image[:, [0, -1]]
    return cv2.addWeighted(image, factor, smooth, 1 - factor, 0).reshape(image.shape)


def _grey(image: np.ndarray) -> np.ndarray:
    return image[..., 0] if image.shape[2] < 3 else cv2.cvtColor(_rgb(image), cv2.COLOR_RGB2GRAY)


def _rgb(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[..., :3])


def _with_rgb(image: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    return rgb if image.shape[2] == 3 else np.concatenate([rgb, image[..., 3:]], axis=2)


def _clip(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)
