"""From the bytes of a label file to class ids.

An id is a stored sample, whatever the format: the index of a palette, the value
of a grey picture, 0 or 1 where a pixel is one bit. Programs that show colours
hide that, and so do readers made for them.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import BmpImagePlugin

from ..errors import DataError
from . import exif, png, pnm, tiff
from .arrays import is_npy, parse_npy
from .decoding import GIF, check_png, open_gif, opencv, refuse_others, tiff_header, tiff_samples
from .reading import need_memory

_INT32 = np.iinfo(np.int32)
_DARK = 32  # greys below this all look black


def decode_label(data: bytes, name: str) -> np.ndarray:
    """Decode a label.

    Args:
        name: of the file, for messages.

    Returns:
        uint8 [H, W]; int32 where there are more than 8 bits.

    Raises:
        DataError: damaged, a colour picture, lossy, or not of integers.
    """
    try:
        if is_npy(data):
            return _ids_of_array(data, name)
        refuse_others(data, "label", name)
        if data[:2] == b"\xff\xd8":
            raise DataError(f"label {name} is a JPEG, whose compression changes ids: make the labels again as PNG.")
        label = _samples(data, name)
    except MemoryError as e:
        raise DataError(f"label {name} does not fit into memory: cut it into smaller pictures.") from e
    if label.ndim == 3:
        label = _single_channel(name, label)
    return _as_ids(label, name)


def _samples(data: bytes, name: str) -> np.ndarray:
    """Stored samples, [H, W] or [H, W, C], upright."""
    if png.is_png(data):
        return _png(data, name)
    if tiff.is_tiff(data):
        return _tiff(data, name)
    if data[:6] in GIF:
        return _gif(data, name)
    if data[:2] == b"BM" and _bmp_bits(data) <= 8:
        return _bmp(data, name)
    image = opencv(pnm.as_binary(data), "label", name, cv2.IMREAD_UNCHANGED)
    label = exif.upright(image, exif.orientation(data))
    return label // 255 if data[:2] in (b"P1", b"P4") else label  # PBM: one bit


def _png(data: bytes, name: str) -> np.ndarray:
    header, turn = check_png(data, "label", name), exif.orientation(data)
    size = header.width * header.height * (header.depth // 8 + 1)
    need_memory(4 * size, f"label {name}", f"{header.width} x {header.height} pixels")
    if header.colour in (png.GREY, png.PALETTE):
        data = png.as_grey(data)
    label = exif.upright(opencv(data, "label", name, cv2.IMREAD_UNCHANGED), turn)
    if header.depth < 8:  # the decoder stretched 1, 2 and 4 bits to 0..255
        label = label // (255 // (2**header.depth - 1))
    return label


def _tiff(data: bytes, name: str) -> np.ndarray:
    header = tiff_header(data, "label", name)
    if header.lossy:
        raise DataError(f"label {name} went through JPEG, which changes ids: make the labels again as PNG.")
    if header.compression in tiff.FAX:
        label = opencv(data, "label", name, cv2.IMREAD_UNCHANGED)  # upright, black is 0
        return label // 255
    if header.photometric not in tiff.PLAIN:
        raise DataError(f"label {name} is a colour picture ({tiff.NAMES[header.photometric]}), not class ids: {_SAVE}")
    label = tiff_samples(data, header, "label", name)
    if header.photometric == tiff.WHITE_IS_ZERO:
        if header.top is None or header.bits > 8:
            raise DataError(
                f"label {name} is stored white-is-zero, which some programs turn over and some do not: write it "
                "black-is-zero, or as PNG."
            )
        label[..., 0] = header.top - label[..., 0]
    if header.samples == 1 or (header.samples == 2 and header.alpha):
        return np.ascontiguousarray(label[..., 0])
    if header.photometric != tiff.RGB:
        raise DataError(f"label {name} has {header.samples} bands, and one of class ids is read: {_SAVE}")
    return label


def _bmp_bits(data: bytes) -> int:
    return int.from_bytes(data[28:30], "little") if int.from_bytes(data[14:18], "little") >= 40 else 99


def _bmp(data: bytes, name: str) -> np.ndarray:
    """The palette indices of a BMP of up to 8 bits."""
    try:
        with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as picture:
            size = picture.width, picture.height
            need_memory(4 * size[0] * size[1], f"label {name}", f"{size[0]} x {size[1]} pixels")
            if picture.mode not in ("1", "L", "P"):
                raise DataError(f"label {name} is a BMP of colours, not class ids: {_SAVE}")
            return np.asarray(picture).astype(np.uint8)
    except (DataError, MemoryError):
        raise
    except Exception as e:  # Pillow raises OSError, SyntaxError, struct.error, ...
        raise DataError(f"label {name} is a damaged BMP ({e}). Copy or make it again.") from e


def _gif(data: bytes, name: str) -> np.ndarray:
    """The palette indices of a GIF, or the levels of a grey one.

    A GIF has no grey: writers give grey pictures a palette of the levels that occur, and an index is no level then.
    Levels that no eye tells apart (0, 1, 4, and 255 for what is ignored) were never chosen as the colours of classes:
    they are ids.
    """
    picture = open_gif(data, "label", name)
    if picture.mode not in ("L", "P"):
        raise DataError(f"label {name} is a GIF of colours beyond one palette, not class ids: {_SAVE}")
    ids = np.asarray(picture)
    if picture.mode == "L":  # a palette that counts 0, 1, 2, ... or black and white
        used = np.unique(ids)
        return ids // 255 if set(used.tolist()) <= {0, 255} and used.max() else ids
    colours = np.asarray(picture.getpalette(), np.uint8).reshape(-1, 3)
    used = np.unique(ids)
    used = used[used < len(colours)]
    grey, levels = bool((colours[used] == colours[used][:, :1]).all()), colours[used][:, 0]
    one_bit = levels.tolist() == [0, 255] and used.tolist() == [0, 1]
    if not grey or one_bit or (levels == used).all():
        return ids
    if {*levels.tolist()} <= {0, 255} or levels[levels < 255].max() >= _DARK:
        raise DataError(
            f"label {name} is a GIF with a palette of greys {levels[:8].tolist()} at {used[:8].tolist()}: its "
            "ids may be the one or the other. Save labels as 8-bit PNG of class ids."
        )
    table = np.zeros(256, np.uint8)
    table[used] = levels
    return table[ids]


def _ids_of_array(data: bytes, name: str) -> np.ndarray:
    label = parse_npy(data, "label", name)
    if label.ndim != 2 or label.dtype.kind not in "iub" or label.size == 0:
        raise DataError(f"label {name} is an array {list(label.shape)} of {label.dtype}: integer ids [H, W] are read.")
    return _as_ids(label.astype(np.uint8) if label.dtype.kind == "b" else label, name)


def _as_ids(label: np.ndarray, name: str) -> np.ndarray:
    """uint8, or int32 where that holds every value."""
    if label.dtype.kind not in "iu":
        raise DataError(f"label {name} holds {label.dtype} values, not integer ids: save it as an 8-bit PNG of ids.")
    if label.dtype == np.uint8:
        return np.array(label)
    if label.dtype.itemsize >= 4 and not (_INT32.min <= label.min() and label.max() <= _INT32.max):
        raise DataError(f"label {name} holds ids from {label.min()} to {label.max()}: ids of 32 bits are read.")
    return label.astype(np.int32)


_SAVE = (
    "save it as an 8-bit PNG with one channel, the id of each pixel's class "
    "(tools/prepare.py rgb2id converts a folder, given the colour of each class)."
)


def _single_channel(name: str, label: np.ndarray) -> np.ndarray:
    """Grey with alpha is decoded to four channels: take the grey. Colours are an error."""
    colours = label[..., :3].reshape(-1, label.shape[2] if label.shape[2] < 3 else 3)
    grey = bool((colours == colours[:, :1]).all())
    if grey and label.shape[2] in (2, 4):
        return np.ascontiguousarray(label[..., 0])
    if grey:
        raise DataError(
            f"label {name} is saved as RGB with three equal channels: save it with one channel "
            "(array[..., 0]), as an 8-bit PNG of class ids."
        )
    count = len(np.unique(colours[:: max(1, len(colours) // 20000)], axis=0))
    raise DataError(
        f"label {name} is a colour picture ({label.shape[0]} x {label.shape[1]}, {count} colours seen), not class "
        f"ids: {_SAVE}"
    )
