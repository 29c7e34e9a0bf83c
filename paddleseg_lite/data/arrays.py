"""Arrays as pictures: ``.npy`` files, and which axis of an array holds the bands."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from .decoding import Samples

MAGIC = b"\x93NUMPY"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def is_npy(data: bytes) -> bool:
    """Whether the bytes begin as a ``.npy`` file does."""
    return data[:6] == MAGIC


def parse_npy(data: bytes, kind: str, name: str) -> np.ndarray:
    """The array of a ``.npy`` file, a read-only view of its bytes.

    Raises:
        DataError: it is damaged, or holds anything but plain numbers.
    """
    try:
        file = io.BytesIO(data)
        shape, fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        if dtype.kind not in "biuf":
            raise DataError(
                f"{kind} {name} is a damaged .npy file, or none of numbers: it holds values of type {dtype}, and "
                "nothing but numbers is read."
            )
        count = int(np.prod(shape, dtype=object))
        flat = np.frombuffer(data, dtype, count, offset=file.tell())
    except DataError:
        raise
    except Exception as e:  # the header is a Python literal: its parser raises all sorts of things
        raise DataError(f"{kind} {name} is a damaged .npy file ({e}).") from e
    return flat.reshape(shape, order="F" if fortran else "C")


def npy_samples(data: bytes, name: str, channels: int) -> Samples:
    """A ``.npy`` file as an image of ``channels``; grey is repeated to three.

    Raises:
        DataError: another shape or number of bands, or a mask.
    """
    from .decoding import Samples, wrong_channels

    values = parse_npy(data, "image", name)
    if values.dtype.kind == "b":
        raise DataError(f"image {name} is an array of bool, a mask and no picture: save the picture itself, as uint8.")
    image = bands_last(values, channels, f"image {name}")
    if image.shape[2] == 1 and channels == 3:
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] != channels:
        raise wrong_channels(name, image.shape[2], channels)
    return Samples(native(image))


def bands_last(array: np.ndarray, channels: int, what: str, *, also: tuple[int, ...] = (1, 3)) -> np.ndarray:
    """[H, W] or [H, W, C] as [H, W, C].

    Args:
        channels: how many are wanted; ``also``: other numbers that can be made into them.

    Raises:
        DataError: another shape, an empty one, or one that looks like [C, H, W].
    """
    shape = list(array.shape)
    if array.ndim not in (2, 3) or 0 in shape:
        empty = "an empty array" if 0 in shape else "an array"
        raise DataError(f"{what} is {empty} {shape} of {array.dtype}: [H, W] or [H, W, C] is read, one picture.")
    if array.ndim == 2:
        return array[..., None]
    bands = {channels, *also}
    if shape[2] not in bands and shape[0] in bands:
        raise DataError(
            f"{what} is an array {shape} of {array.dtype}, which looks like [C, H, W]: bands come last, hand over "
            "array.transpose(1, 2, 0)."
        )
    return array


def native(array: np.ndarray) -> np.ndarray:
    """In this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)
