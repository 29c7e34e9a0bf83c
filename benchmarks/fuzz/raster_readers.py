"""Independent readers of pictures, strict: what they warn of, they have no opinion on."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import tifffile
from PIL import Image, ImageOps


class _Warned(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record):
        self.count += 1


@contextlib.contextmanager
def _strict():
    """RuntimeError at the end where tifffile or Python warned."""
    noted, own = _Warned(), logging.getLogger("tifffile")
    own.addHandler(noted)
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            yield
    finally:
        own.removeHandler(noted)
    if noted.count or found:
        raise RuntimeError("warned")


def by_tifffile(data: bytes) -> tuple[np.ndarray, int] | None:
    """Samples [H, W, C] as stored, upright, and the photometric interpretation; None: no opinion."""
    try:
        with _strict(), tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            separate, depth, height, width, contiguous = page.shaped
            if len(file.pages) != 1 or depth != 1 or not 0 < height * width * separate * contiguous < 1 << 22:
                return None
            values = page.asarray().reshape(separate, height, width, contiguous)
            turn, photometric = page.tags.valueof(274, default=1), int(page.photometric)
    except Exception:
        return None
    return upright(values.transpose(1, 2, 0, 3).reshape(height, width, -1), turn), photometric


def upright(values: np.ndarray, turn: int) -> np.ndarray:
    """Turned by the TIFF and EXIF orientation: where row 0 and column 0 of what is stored belong."""
    if turn in (5, 6, 7, 8):
        values = values.transpose(1, 0, 2)
    across = turn in (2, 3, 6, 7)
    down = turn in (3, 4, 7, 8)
    return values[:: -1 if down else 1, :: -1 if across else 1]


def by_pillow(data: bytes) -> np.ndarray | None:
    """RGB [H, W, 3] of a picture of 8 bits at most, upright; None: no opinion."""
    try:
        with _strict(), Image.open(io.BytesIO(data)) as picture:
            if getattr(picture, "n_frames", 1) > 1 or picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                return None
            if picture.format == "PNG" and data[24] == 16:
                return None  # it cuts 16 bits to 8
            picture.load()
            if picture.format == "TIFF" and (picture.mode in ("LA", "RGBA", "P") or not _eight_bits(picture)):
                return None  # it multiplies by alpha, and cuts 16 bits to 8
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except Exception:
        return None


def _eight_bits(picture: Image.Image) -> bool:
    """Whether a TIFF has unsigned samples of at most 8 bits."""
    bits, formats = picture.tag_v2.get(258, (1,)), picture.tag_v2.get(339, (1,))
    return max(np.atleast_1d(bits)) <= 8 and set(np.atleast_1d(formats)) == {1}
