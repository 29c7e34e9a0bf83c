"""Pictures that come from a browser: small enough, whole, and pictures at all, before anything is decoded."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.io import image_size
from ..data.picture import as_picture
from ..errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # of those that can be read, the ones a browser sends


@dataclass(frozen=True)
class Limits:
    """How large an upload may be.

    Attributes:
        megabytes: of the file, a million bytes each.
        megapixels: of the picture, a million pixels each.
    """

    megabytes: float = 20.0
    megapixels: float = 16.0


def read_upload(path: str | os.PathLike | None, limits: Limits, *, channels: int = 3) -> np.ndarray:
    """The picture in a file that was uploaded, uint8 ``[H, W, channels]``.

    Raises:
        DataError: there is none, it is too large, damaged, or no picture.
    """
    if not path:
        raise DataError("there is no picture yet: upload, paste or photograph one, or take an example.")
    path = Path(path)
    if not path.is_file():
        raise DataError("the uploaded picture is no longer there: upload it again.")
    size = path.stat().st_size
    if size > limits.megabytes * 1e6:
        raise DataError(f"the picture has {size / 1e6:.1f} MB, and {limits.megabytes:g} are taken: make it smaller.")
    height, width = header_size(path)
    if height * width > limits.megapixels * 1e6:
        raise DataError(
            f"the picture has {width} x {height} = {height * width / 1e6:.1f} megapixels, and {limits.megapixels:g} "
            "are taken: make it smaller."
        )
    return as_picture(path.read_bytes(), channels).pixels


def header_size(path: Path) -> tuple[int, int]:
    """Height and width as the file's first bytes tell them; nothing is decoded.

    Raises:
        DataError: it is none of :data:`FORMATS`, or damaged.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                return picture.height, picture.width
    except Image.DecompressionBombError as e:
        raise DataError(f"the picture is far too large ({e}).") from e
    except Exception as e:  # Pillow raises OSError, SyntaxError, struct.error, ...
        with path.open("rb") as file:
            if file.read(2) in (b"II", b"MM"):  # a TIFF of bands that Pillow has no mode for
                return image_size(path)
        raise DataError(
            f"the file is no picture, or a damaged one: {', '.join(FORMATS)} are taken. Make or copy it again."
        ) from e
