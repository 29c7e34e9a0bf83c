"""What a transform is: a sample goes in, a new sample comes out.

A sample is a dict: ``image`` uint8 [H, W, C] (float32 after Normalize),
``label`` [H, W] of class ids (absent in validation and prediction, where the
label stays as it is in its file), ``weight`` float32 [H, W] where there is one,
and ``meta``. A transform never changes what it is given: arrays may be views
into a cache.

Sizes follow PaddleSeg and OpenCV: ``target_size`` and ``crop_size`` are
**(width, height)**. Sizes in ``meta`` are (height, width), as array shapes are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Union

import cv2
import numpy as np

from ...errors import ConfigError

Sample = dict[str, Any]
Fill = Union[float, Sequence[float]]  # one value, or one for each channel

IMAGE_PADDING = 127.5
LABEL_PADDING = 255
LARGEST_SIDE = 32_768  # pixels: a square of them is the largest picture that OpenCV reads

INTERPOLATIONS = {
    "NEAREST": cv2.INTER_NEAREST,
    "LINEAR": cv2.INTER_LINEAR,
    "CUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}


class Transform:
    """Base of all transforms.

    Attributes:
        random: draws from the generator, so it belongs in training alone; a
            dataset refuses it for validation.
    """

    random = False

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        raise NotImplementedError

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__}({arguments})"


def geometric(
    sample: Sample, image: Callable, label: Callable, weight: Callable | None = None, undo: tuple | None = None
) -> Sample:
    """Apply one geometric change to everything in a sample that has pixels.

    Args:
        image, label, weight: functions of one array; ``weight`` is ``image`` unless given.
        undo: what :func:`~.compose.restore` needs to take the change back; kept in ``meta["trans_info"]``.
    """
    out = dict(sample)
    out["image"] = keep_channels(image, sample["image"])
    if sample.get("label") is not None:
        out["label"] = label(sample["label"])
    if sample.get("weight") is not None:
        out["weight"] = (weight or image)(sample["weight"])
    if undo is not None:
        meta = dict(sample.get("meta", {}))
        meta["trans_info"] = [*meta.get("trans_info", ()), undo]
        out["meta"] = meta
    return out


def keep_channels(function: Callable, image: np.ndarray) -> np.ndarray:
    """``function(image)`` in [H, W, C], also for C = 1, which OpenCV drops."""
    out = function(image)
    return out[..., None] if out.ndim == 2 and image.ndim == 3 else out


def resize_image(image: np.ndarray, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Resize to ``size`` = (height, width)."""
    return cv2.resize(image, (size[1], size[0]), interpolation=interpolation)


def resize_label(label: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest neighbour by pixel centres, as the image's own resize has them; ``size`` = (height, width).

    OpenCV's (and PaddleSeg's) plain ``INTER_NEAREST`` takes the upper left
    neighbour instead: at a third of the size the label slips by one pixel.
    """
    return cv2.resize(label, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)


def resize_sample(sample: Sample, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> Sample:
    """Resize image, label and weight to ``size`` = (height, width)."""
    before = sample["image"].shape[:2]
    return geometric(
        sample,
        lambda a: resize_image(a, size, interpolation),
        lambda a: resize_label(a, size),
        lambda a: resize_image(a, size),
        undo=("resize", tuple(before)),
    )


def pad_array(array: np.ndarray, bottom: int, right: int, value: Any) -> np.ndarray:
    """Pad [H, W] or [H, W, C] below and to the right; ``value`` a number, or one for each channel."""
    h, w = array.shape[:2]
    out = np.empty((h + bottom, w + right, *array.shape[2:]), array.dtype)
    fill = channel_values(value, array)
    out[h:] = fill
    out[:h, w:] = fill
    out[:h, :w] = array
    return out


def channel_values(value: Any, array: np.ndarray) -> np.ndarray:
    """A padding value as an array of the right dtype, one value for each channel, rounded for integers.

    PaddleSeg's default of three times 127.5 is taken for any number of channels.
    """
    values = np.atleast_1d(np.asarray(value, np.float64))
    count = array.shape[2] if array.ndim == 3 else 1
    if len(values) != count:
        if len(set(values.tolist())) > 1:
            raise ConfigError(
                f"im_padding_value {list(value)} has {len(values)} values for an image of {count} channels."
            )
        values = np.full(count, values[0])
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    values = values.astype(array.dtype)
    return values if array.ndim == 3 else values[0]


def size_pair(value: Any, name: str) -> tuple[int, int]:
    """Check a ``(width, height)`` argument and return it as (height, width)."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        value = (value, value)
    good = isinstance(value, (list, tuple)) and len(value) == 2
    if not good or any(not isinstance(v, (int, np.integer)) or isinstance(v, bool) or v < 1 for v in value):
        raise ConfigError(f"{name} is two positive integers, (width, height), but got {value!r}.")
    if max(value) > LARGEST_SIDE:
        raise ConfigError(f"{name} is (width, height), each up to {LARGEST_SIDE} pixels, but got {value!r}.")
    return int(value[1]), int(value[0])


def probability(value: Any, name: str) -> float:
    """Check a probability."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(f"{name} is a probability from 0 to 1, but got {value!r}.")
    return float(value)
