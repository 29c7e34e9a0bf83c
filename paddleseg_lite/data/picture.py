"""What a caller holds -> a picture: the one door of everything that predicts.

Arrays, Pillow pictures, encoded bytes and paths all come out as a reader of the
same picture's file gives them. Where values could mean two things (a mask of
bool, floats that are neither 0..1 nor 0..255 for certain) the error says which
shape and type came, and what to hand over instead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from . import exif
from .arrays import bands_last, native
from .decoding import choose_channels, wrong_channels
from .io import decode_image, read_image
from .levels import to_uint8

_TURNED = 0x0112  # the EXIF tag of the orientation


@dataclass(frozen=True)
class Picture:
    """Pixels, and the file they came from.

    Attributes:
        pixels: uint8 [H, W, C], RGB order where C is 3.
        path: None for what came from memory.
    """

    pixels: np.ndarray
    path: str | None = None


def is_batch(value: Any) -> bool:
    """Whether ``value`` is several pictures: a list, a tuple, or an array [N, H, W, C]."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 4)


def as_picture(value: Any, channels: int = 3, *, value_range: Any = None) -> Picture:
    """Make the picture that a network of ``channels`` bands takes.

    Args:
        value: a path; encoded bytes (PNG, JPEG, ...) or an open binary file; a Pillow picture; an array or
            tensor [H, W] or [H, W, C]: uint8, uint16 (its whole range, or ``value_range``),
            other integers from 0 to 255, floats from 0 to 1 (or of ``value_range``).
        channels: grey becomes three, colours one, alpha is dropped; any other number is an error.
        value_range: of the recipe's datasets (:func:`~paddleseg_lite.data.levels.parse_value_range`).

    Raises:
        DataError: not one of these, empty, of other bands, or of values whose meaning is open.
    """
    if isinstance(value, (str, os.PathLike)):
        return Picture(read_image(value, channels, value_range=value_range), str(Path(value)))
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if not data:
            raise DataError("the picture is 0 bytes: hand over the bytes of an image file.")
        name = f"({len(data)} encoded bytes)"
        return Picture(decode_image(data, channels, value_range=value_range, name=name))
    if type(value).__module__.partition(".")[0] == "PIL" and hasattr(value, "convert"):
        return Picture(_from_pillow(value, channels, value_range))
    if hasattr(value, "__array__"):
        return Picture(_from_array(_as_numpy(value), channels, value_range))
    raise DataError(
        "a picture is a path, encoded bytes, a Pillow picture or an array [H, W, C], and a batch a list of these; "
        f"this is a {type(value).__name__}."
    )


def _as_numpy(value: Any) -> np.ndarray:
    if np.ma.is_masked(value):
        raise DataError(f"the picture is an array {list(value.shape)} with masked values: fill them (value.filled(0)).")
    try:
        return np.asarray(value)
    except Exception as e:  # tensors on another device, or that need a gradient
        raise DataError(f"the picture, a {type(value).__name__}, gives no array ({e}): convert it to numpy.") from e


def _from_array(array: np.ndarray, channels: int, value_range: Any) -> np.ndarray:
    what = f"the picture {list(array.shape)} of {array.dtype}"
    image = bands_last(array, channels, "the picture", also=(1, 3, 4))
    if image.shape[2] not in (1, 3, 4, channels):
        raise wrong_channels(f"{list(array.shape)} of {array.dtype}", image.shape[2], channels)
    pixels = _levels(image, what, value_range)
    return choose_channels(pixels, channels, f"{list(array.shape)} of {array.dtype}", alpha=image.shape[2] == 4)


def _levels(image: np.ndarray, what: str, value_range: Any) -> np.ndarray:
    """uint8 of an array whose values have one meaning."""
    kind, low, high = image.dtype.kind, None, None
    if image.dtype == np.uint8:
        return image
    if kind not in "iuf":
        advice = "a mask: (array * 255).astype('uint8') shows it as black and white" if kind == "b" else "no numbers"
        raise DataError(f"{what} holds {image.dtype} values, which are no levels of brightness but {advice}.")
    if kind == "f" and not np.isfinite(image).all():
        raise DataError(f"{what} holds values that are not finite (NaN or infinite): replace them.")
    image = native(image)
    if value_range is not None:
        return to_uint8(image, what, value_range=value_range)
    low, high = image.min(), image.max()
    if kind == "f":
        if low < 0 or high > 1 or (high == 1 and bool(np.isin(image, (0, 1)).all())):
            raise DataError(
                f"{what} holds values from {low:g} to {high:g}, which may mean several things: hand over floats from 0 "
                "to 1, uint8 from 0 to 255, or set value_range: [low, high] in the recipe's val_dataset."
            )
        return to_uint8(image, what, value_range=((0.0, 1.0),))
    if image.dtype == np.uint16:
        if 0 < high < 256:
            raise DataError(
                f"{what} holds values up to {high}, which may be 8 bits or a very dark picture of 16: hand over "
                "array.astype('uint8'), or set value_range: [0, 65535] in the recipe's val_dataset."
            )
        return to_uint8(image, what)
    if low < 0 or high > 255:
        raise DataError(
            f"{what} holds values from {low} to {high}: hand over uint8, uint16, or set value_range: [low, high] in "
            "the recipe's val_dataset."
        )
    return image.astype(np.uint8)


def _from_pillow(picture: Any, channels: int, value_range: Any) -> np.ndarray:
    """A Pillow picture as a reader gives its file: upright, palette in colours, more than 8 bits scaled."""
    name = f"(Pillow, mode {picture.mode}, {picture.width} x {picture.height})"
    if getattr(picture, "n_frames", 1) > 1 and picture.format in ("GIF", "TIFF", "WEBP"):
        raise DataError(f"image {name} has {picture.n_frames} frames: hand over a copy of the one that is meant.")
    try:
        picture.load()  # turns a TIFF upright, and takes its tag away
        kind, turn = picture.format, picture.getexif().get(_TURNED, 1)
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "La", "RGBa"):
            picture = picture.convert("RGB" if channels != 4 else "RGBA")
        elif picture.mode == "1":
            picture = picture.convert("L")
        values = np.asarray(picture)
    except DataError:
        raise
    except Exception as e:  # a lazily opened file that is damaged: OSError, SyntaxError, ...
        raise DataError(f"image {name} cannot be read ({e}).") from e
    if values.size == 0:
        raise DataError(f"image {name} is empty.")
    values = values[..., None] if values.ndim == 2 else values
    alpha = picture.mode in ("LA", "RGBA")
    if kind == "PNG" and values.dtype == np.int32:
        values = values.astype(np.uint16)  # 16 bits, in older Pillow
    pixels = to_uint8(native(values), name, value_range=value_range)
    pixels = choose_channels(pixels, channels, name, alpha=alpha)
    return exif.upright(pixels, turn if turn in range(1, 9) else 1)
