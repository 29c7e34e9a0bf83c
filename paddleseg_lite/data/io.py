"""One reader for images and labels, one writer.

Images come out as uint8 HWC RGB whatever was stored; labels as class ids HW.
Every fault of a file is a :class:`DataError` that names the file. Paths may
hold any characters (OpenCV's own file functions fail on them on Windows).
"""

from __future__ import annotations

import os
import struct

import cv2
import numpy as np

from ..errors import DataError
from ..files import write_bytes
from . import exif, png


def read_image(path: str | os.PathLike, channels: int = 3) -> np.ndarray:
    """Read an image.

    Grey is repeated to three channels, a palette gives its colours, alpha is
    dropped, 16-bit values are scaled to 8 (65535 -> 255), and the EXIF
    orientation is obeyed.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, ... or ``.npy`` (uint8, [H, W] or [H, W, C]).
        channels: 3 for RGB, 1 for grey; 4 or more must be what the file holds
            (4: RGBA; more: TIFF or ``.npy``).

    Returns:
        uint8 array [H, W, channels].

    Raises:
        DataError: missing, empty, truncated, damaged, of another type, or of other channels.
    """
    data = _read_bytes(path, "image")
    if _is_npy(data):
        image = np.array(_map_npy_image(path))
        image = image[..., None] if image.ndim == 2 else image
        if image.shape[2] == 1 and channels == 3:
            image = np.repeat(image, 3, axis=2)
    else:
        if channels == 3:
            flag = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
        elif channels == 1:
            flag = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
        else:
            flag = cv2.IMREAD_UNCHANGED
        image = _decode(path, data, "image", flag)
        image = _to_rgb(_to_uint8(path, image))
    if image.shape[2] != channels:
        raise DataError(
            f"image {path} has {image.shape[2]} channels, but {channels} are asked for: "
            f"set img_channels to {image.shape[2]}, or convert the image."
        )
    return image


def read_label(path: str | os.PathLike) -> np.ndarray:
    """Read a label: class ids, not colours.

    Grey and palette PNGs of any bit depth give their stored samples. The EXIF
    orientation is obeyed, as it is for images.

    Returns:
        uint8 [H, W]; int32 where the file holds more than 8 bits.

    Raises:
        DataError: missing, empty, truncated or damaged; a colour picture; JPEG, which is lossy.
    """
    data = _read_bytes(path, "label")
    if _is_npy(data):
        label = np.array(_map_npy(path, "label"))
        if label.ndim != 2 or label.dtype.kind not in "iub":
            raise DataError(
                f"label {path} is an array {list(label.shape)} of {label.dtype}: integer ids [H, W] are read."
            )
        return label.astype(np.uint8 if label.dtype.itemsize == 1 and label.dtype.kind != "i" else np.int32)
    if data[:2] == b"\xff\xd8":
        raise DataError(f"label {path} is a JPEG, whose compression changes ids: make the labels again as PNG.")
    depth = 8
    if png.is_png(data):
        header, turn = _check_png(path, data, "label"), exif.orientation(data)
        depth = header.depth
        if header.colour in (png.GREY, png.PALETTE):
            data = png.as_grey(data)
        label = exif.upright(_decode(path, data, "label", cv2.IMREAD_UNCHANGED, turned=True), turn)
    else:
        label = _decode(path, data, "label", cv2.IMREAD_UNCHANGED)
    if label.ndim == 3:
        label = _single_channel(path, label)
    if depth < 8:  # the decoder stretched 1, 2 and 4 bits to 0..255
        label = label // (255 // (2**depth - 1))
    if label.dtype.kind not in "iu":
        raise DataError(f"label {path} holds {label.dtype} values, not integer ids: save it as an 8-bit PNG of ids.")
    return label if label.dtype == np.uint8 else label.astype(np.int32)


def image_size(path: str | os.PathLike, *, whole: bool = False) -> tuple[int, int]:
    """The size (H, W) that :func:`read_image` would give, from the header alone where that is possible.

    Args:
        whole: also look for truncation and damage, as far as that is possible without decoding.
    """
    data = _read_bytes(path, "image")
    turn = exif.orientation(data)
    size = None
    if png.is_png(data):
        header = _check_png(path, data, "image", whole=whole)
        size = header.height, header.width
    elif data[:2] == b"\xff\xd8":
        _check_jpeg(path, data, "image", whole=whole)
        size = _jpeg_size(data)
    elif _is_npy(data):  # of any number of channels
        return _map_npy_image(path).shape[:2]
    if size is None:
        return read_image(path).shape[:2]
    return (size[1], size[0]) if turn >= 5 else size


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


def _read_bytes(path, kind: str) -> bytes:
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        raise DataError(f"{kind} {path} does not exist.") from None
    except OSError as e:
        raise DataError(f"{kind} {path} cannot be read: {e.strerror or e}.") from e
    if not data:
        raise DataError(f"{kind} {path} is empty (0 bytes): copy or download it again.")
    return data


def _is_npy(data: bytes) -> bool:
    return data[:6] == b"\x93NUMPY"


def _map_npy_image(path) -> np.ndarray:
    image = _map_npy(path, "image")
    if image.ndim not in (2, 3) or image.dtype != np.uint8:
        raise DataError(
            f"image {path} is an array {list(image.shape)} of {image.dtype}: uint8 [H, W] or [H, W, C] is read."
        )
    return image


def _map_npy(path, kind: str) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # checks the size before anything is allocated
    except Exception as e:  # the header is a Python literal: its parser raises all sorts of things
        raise DataError(f"{kind} {path} is a damaged .npy file ({e}).") from e


def _check_png(path, data: bytes, kind: str, *, whole: bool = True) -> png.Header:
    try:
        return png.check(data) if whole else png.read_header(data)
    except png.PngError as e:
        raise DataError(f"{kind} {path} is a damaged PNG: {e}. Copy or make it again.") from e


def _check_jpeg(path, data: bytes, kind: str, *, whole: bool = True) -> None:
    if whole and exif.jpeg_is_cut(data):  # some OpenCV fill the rest with grey, silently
        raise DataError(f"{kind} {path} is a truncated JPEG (no end marker): copy or download it again.")


def _decode(path, data: bytes, kind: str, flag: int, *, turned: bool = False) -> np.ndarray:
    """Decode with OpenCV and turn upright (unless ``turned``); [H, W] or [H, W, C] in BGR order."""
    if png.is_png(data):
        _check_png(path, data, kind)
    elif data[:2] == b"\xff\xd8":
        _check_jpeg(path, data, kind)
    elif data[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise DataError(f"{kind} {path} is a web page, so its download went wrong: download the {kind} itself.")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as e:
        raise DataError(f"{kind} {path} cannot be decoded ({str(e).strip()[-120:]}).") from e
    if image is None:
        raise DataError(
            f"{kind} {path} cannot be decoded: it is damaged, or no image file "
            f"(its first bytes are {data[:8].hex(' ')})."
        )
    return image if turned else exif.upright(image, exif.orientation(data))


def _to_uint8(path, image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16:
        return ((image.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if image.dtype != np.uint8:
        raise DataError(f"image {path} holds {image.dtype} values, whose range is unknown: convert it to 8 bits.")
    return image


def _to_rgb(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2:
        return image[..., None]
    codes = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    return cv2.cvtColor(image, codes[image.shape[2]]) if image.shape[2] in codes else image


def _single_channel(path, label: np.ndarray) -> np.ndarray:
    """Grey with alpha is decoded to four channels: take the grey. Colours are an error."""
    colours = label[..., :3].reshape(-1, label.shape[2] if label.shape[2] < 3 else 3)
    grey = bool((colours == colours[:, :1]).all())
    if grey and label.shape[2] in (2, 4):
        return np.ascontiguousarray(label[..., 0])
    if grey:
        raise DataError(
            f"label {path} is saved as RGB with three equal channels: save it with one channel "
            "(array[..., 0]), as an 8-bit PNG of class ids."
        )
    count = len(np.unique(colours[:: max(1, len(colours) // 20000)], axis=0))
    raise DataError(
        f"label {path} is a colour picture ({label.shape[0]} x {label.shape[1]}, {count} colours seen), not class ids: "
        "save it as an 8-bit PNG with one channel, the id of each pixel's class "
        "(tools/prepare.py rgb2id converts a folder, given the colour of each class)."
    )


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    try:
        for marker, start, _ in exif.jpeg_segments(data):
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width = struct.unpack_from(">HH", data, start + 1)
                return (height, width) if height and width else None
    except struct.error:
        pass
    return None
