"""One reader for images and labels, one writer.

Images come out as uint8 HWC RGB whatever was stored; labels as class ids HW.
Every fault of a file is a :class:`DataError` that names the file. Paths may
hold any characters (OpenCV's own file functions fail on them on Windows).
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from ..errors import DataError
from ..files import write_bytes
from . import exif, png, tiff, tiff_segments
from .arrays import is_npy, npy_samples, parse_npy
from .decoding import Samples, check_jpeg, check_png, decode_samples, tiff_header
from .label_files import decode_label
from .levels import to_uint8
from .reading import read_bytes
from .sizes import header_size


def read_image(path: str | os.PathLike, channels: int = 3, *, value_range: Any = None) -> np.ndarray:
    """Read an image.

    Grey is repeated to three channels, a palette gives its colours, alpha is
    dropped, more than 8 bits are scaled to 8 (65535 -> 255), and the EXIF
    orientation is obeyed. The bands of a TIFF come out as they are stored.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, GIF, ... or ``.npy`` ([H, W] or [H, W, C]).
        channels: 3 for RGB, 1 for grey; any other number must be what the file holds
            (4: RGBA, or RGB and a band; more: TIFF or ``.npy``).
        value_range: what 16-bit and floating-point values become black and white; see
            :func:`~paddleseg_lite.data.levels.parse_value_range`.

    Returns:
        uint8 array [H, W, channels].

    Raises:
        DataError: missing, empty, truncated, damaged, of several pages, of another type, of other channels, too
            large, or of values without a known range.
    """
    samples = read_samples(path, channels)
    return to_uint8(samples.values, str(path), top=samples.top, value_range=value_range)


def decode_image(
    data: bytes, channels: int = 3, *, value_range: Any = None, name: str = "(encoded bytes)"
) -> np.ndarray:
    """As :func:`read_image`, from the bytes of a file that was read or received already."""
    samples = npy_samples(data, name, channels) if is_npy(data) else decode_samples(data, name, channels)
    return to_uint8(samples.values, name, top=samples.top, value_range=value_range)


def read_samples(path: str | os.PathLike, channels: int) -> Samples:
    """As :func:`read_image`, with the values as they are stored."""
    data = read_bytes(path, "image")
    return npy_samples(data, str(path), channels) if is_npy(data) else decode_samples(data, str(path), channels)


def read_label(path: str | os.PathLike) -> np.ndarray:
    """Read a label: class ids, not colours.

    Grey and palette pictures of any bit depth (PNG, TIFF, BMP, GIF) give their stored samples, so that of
    one bit gives 0 and 1. The EXIF orientation is obeyed, as it is for images.

    Returns:
        uint8 [H, W]; int32 where the file holds more than 8 bits.

    Raises:
        DataError: missing, empty, truncated or damaged; a colour picture; JPEG, which is lossy.
    """
    return decode_label(read_bytes(path, "label"), str(path))


def image_size(path: str | os.PathLike, *, whole: bool = False) -> tuple[int, int]:
    """The size (H, W) that :func:`read_image` would give, from the header alone where that is possible.

    Args:
        whole: also look for truncation and damage, as far as that is possible without decoding.
    """
    data, name = read_bytes(path, "image"), str(path)
    size = None
    if png.is_png(data):
        header = check_png(data, "image", name, whole=whole)
        size = header.height, header.width
    elif data[:2] == b"\xff\xd8":
        if whole:
            check_jpeg(data, "image", name)
        size = header_size(data)
    elif tiff.is_tiff(data):
        return _tiff_size(data, name, whole=whole)
    elif is_npy(data):
        shape = parse_npy(data, "image", name).shape
        if len(shape) not in (2, 3) or 0 in shape:
            raise DataError(f"image {name} is an array {list(shape)}: [H, W] or [H, W, C] is read.")
        return shape[:2]
    if size is None:
        return read_image(path).shape[:2]
    return (size[1], size[0]) if exif.orientation(data) >= 5 else size


def _tiff_size(data: bytes, name: str, *, whole: bool) -> tuple[int, int]:
    header = tiff_header(data, "image", name)
    if whole and header.compression != 6:  # old JPEG has its parts elsewhere
        try:
            tiff_segments.check_whole(data, header)
        except tiff.TiffError as e:
            raise tiff.as_data_error(e, "image", name) from e
    return header.size


def write_png(path: str | os.PathLike, array: np.ndarray, palette: np.ndarray | None = None) -> None:
    """Write a PNG; the file is complete or not there.

    Args:
        path: folders are made.
        array: uint8 or uint16 [H, W], or uint8 RGB / RGBA [H, W, 3 or 4].
        palette: ``[K, 3]`` uint8 RGB makes a palette PNG of the ids in ``array``
            (uint8 [H, W]); readers show colours and still get the ids.

    Raises:
        EnvironmentProblem: the folder cannot be written.
        ValueError: an array that no such PNG can hold.
    """
    array = np.asarray(array)
    good = (array.ndim == 2 and array.dtype in (np.uint8, np.uint16)) or (
        array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8
    )
    if not good or array.size == 0 or (palette is not None and (array.ndim != 2 or array.dtype != np.uint8)):
        raise ValueError(f"no PNG for an array {list(array.shape)} of {array.dtype}, palette {palette is not None}.")
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    data = cv2.imencode(".png", np.ascontiguousarray(array))[1].tobytes()
    if palette is not None:
        data = png.as_palette(data, np.asarray(palette, np.uint8).reshape(-1, 3)[:256])
    write_bytes(path, data)
