"""TIFF: the header first, then the samples as they are stored.

OpenCV makes a picture for the eye of a TIFF: it multiplies colours by whatever
band is called alpha, repeats the first of several grey bands, and gives up
beyond four. Here tifffile reads the header, and what it says is done by
:mod:`tiff_segments`. OpenCV is left with colours that need a conversion (JPEG,
YCbCr, CMYK, CIELab) and with fax compression.

Source: TIFF 6.0; BigTIFF; Adobe's TIFF Technical Note 3 for predictor 3.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile

from ..errors import DataError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, LINEAR_RAW = 0, 1, 2, 3, 4, 5, 34892
PLAIN = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, LINEAR_RAW)
CONVERTED = (SEPARATED, 6, 8, 9, 10)  # YCbCr and the Lab spaces
NAMES = {4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32803: "colour filter array"}
FAX, JPEG = (2, 3, 4, 32771), (6, 7)
ALPHA = (1, 2)  # ExtraSamples: associated, unassociated
LOSSLESS = {1: "none", 5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
_FORMATS = {1: "u", 2: "i", 3: "f", 4: "u"}
_REDUCED, _MASK_FILE = 1, 4  # bits of NewSubfileType
_MOST_PAGES = 10000

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is said here, once


class TiffError(ValueError):
    """The message is the reason, without a file name; ``damaged``: the bytes are at fault, and not the kind of file."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


@dataclass(frozen=True)
class Header:
    """What the first directory says, checked.

    Attributes:
        kind: ``u``, ``i`` or ``f``: unsigned, signed, floating point.
        tile: (height, width), or None: strips of ``rows`` rows.
        extra: ExtraSamples, one number for each sample beyond the colours.
        orientation: 1 to 8.
        order: ``<`` or ``>``, of the bytes of a sample.
        colours: uint8 RGB [K, 3] of a palette.
        nodata: what samples are that were never written.
    """

    height: int
    width: int
    samples: int
    bits: int
    kind: str
    photometric: int
    planar: bool
    compression: int
    predictor: int
    reversed_bits: bool
    tile: tuple[int, int] | None
    rows: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    extra: tuple[int, ...]
    orientation: int
    order: str
    colours: np.ndarray | None
    nodata: float

    @property
    def dtype(self) -> np.dtype:
        """Of the samples once unpacked, in this machine's order."""
        wide = next(b for b in (8, 16, 32, 64) if self.bits <= b)
        return np.dtype(f"{self.kind}{wide // 8}")

    @property
    def top(self) -> int | None:
        """The largest value an unsigned sample may have; None where that is not known."""
        return (1 << self.bits) - 1 if self.kind == "u" and self.bits <= 16 else None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the upright picture."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)

    @property
    def lossy(self) -> bool:
        """Whether the samples went through JPEG."""
        return self.compression in JPEG

    @property
    def alpha(self) -> bool:
        """Whether the last sample stands beside a colour or grey and is called alpha."""
        return len(self.extra) == 1 and self.extra[0] in ALPHA


def is_tiff(data: bytes) -> bool:
    """Whether the bytes begin as a TIFF does."""
    return data[:4] in MAGIC


def read_header(data: bytes) -> Header:
    """Read and check the directory of a TIFF of one picture.

    Raises:
        TiffError: it is damaged, of several pages, or of a kind that is not read.
    """
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            header = _header_of(page, file.byteorder)
            _one_picture(file, page)
    except TiffError:
        raise
    except MemoryError:
        raise
    except Exception as e:  # tags may hold anything, and tifffile raises whatever that leads to
        raise TiffError(f"its header cannot be read ({type(e).__name__}: {str(e)[:80]})", damaged=True) from e
    _check(header)
    return header


def _header_of(page: Any, order: str) -> Header:
    samples = int(page.samplesperpixel)
    bits, sample_format = page.bitspersample, page.sampleformat
    if isinstance(bits, (tuple, list)) or isinstance(sample_format, (tuple, list)):
        raise TiffError(f"its bands differ in type (bits {bits}, formats {sample_format})")
    photometric = int(page.photometric)
    if samples > 1 and int(page.planarconfig) not in (1, 2):
        raise TiffError(f"its header calls the order of its bands {int(page.planarconfig)}", damaged=True)
    colours = {RGB: 3, SEPARATED: 4, 6: 3, 8: 3, 9: 3, 10: 3}.get(photometric, 1)
    extra = tuple(int(v) for v in np.atleast_1d(page.extrasamples)) if len(np.shape(page.extrasamples)) else ()
    beyond = max(0, samples - colours)
    orientation = page.tags.valueof(274, default=1)
    return Header(
        height=int(page.imagelength),
        width=int(page.imagewidth),
        samples=samples,
        bits=int(bits),
        kind=_FORMATS.get(int(sample_format), "?"),
        photometric=photometric,
        planar=int(page.planarconfig) == 2 and samples > 1,
        compression=int(page.compression),
        predictor=int(page.predictor),
        reversed_bits=int(page.fillorder) == 2,
        tile=(int(page.tilelength), int(page.tilewidth)) if 322 in page.tags or 324 in page.tags else None,
        rows=int(page.rowsperstrip),
        offsets=tuple(int(v) for v in page.dataoffsets),
        counts=tuple(int(v) for v in page.databytecounts),
        extra=(extra + (0,) * beyond)[:beyond],
        orientation=orientation if orientation in range(1, 9) else 1,
        order=order,
        colours=_palette(page.tags.valueof(320)) if photometric == PALETTE else None,
        nodata=page.nodata,
    )


def _palette(values: Any) -> np.ndarray:
    """A colour map of 16-bit values, or of 8-bit ones where none is larger (some writers)."""
    if values is None or len(values) < 3 or len(values) % 3:
        raise TiffError("its palette is missing or cut off", damaged=True)
    table = np.asarray(values, np.uint16).reshape(3, -1).T
    return (table if table.max() < 256 else table >> 8).astype(np.uint8)


def _one_picture(file: Any, first: Any) -> None:
    """Refuse files of several pictures; overviews, thumbnails and masks beside the first page are none."""
    pages, offsets = 1, {first.offset}
    for number in range(1, _MOST_PAGES):
        try:
            page = file.pages[number]
        except IndexError:
            break
        if page.offset in offsets:
            break  # a directory that leads back to an earlier one
        offsets.add(page.offset)
        pages += not _beside(page, first)
    described = first.tags.valueof(270)
    if pages == 1 and isinstance(described, str) and described.startswith("ImageJ="):
        found = [line[7:] for line in described.splitlines() if line.startswith("images=")]
        pages = max([pages, *(int(v) for v in found if v.isdecimal())])
    if pages > 1:
        raise TiffError(
            f"it holds {pages} pages, and one picture a file is read: write each page, or all of them as the bands "
            "of one picture [H, W, C], to a file of its own (tifffile.imread gives them)"
        )
    if int(first.imagedepth) > 1:
        raise TiffError(f"it is a volume of {first.imagedepth} layers, and flat pictures are read: write each apart")


def _beside(page: Any, first: Any) -> bool:
    if int(page.subfiletype) & (_REDUCED | _MASK_FILE):
        return True
    small = 2 * page.imagewidth <= first.imagewidth + 1 and 2 * page.imagelength <= first.imagelength + 1
    shape = abs(page.imagewidth * first.imagelength - page.imagelength * first.imagewidth)
    return bool(small and shape <= 2 * (first.imagewidth + first.imagelength))


def _check(header: Header) -> None:
    if min(header.height, header.width, header.samples, header.bits) < 1:
        raise TiffError(
            f"its header claims {header.width} x {header.height} pixels of {header.samples} samples", damaged=True
        )
    if header.kind == "?":
        raise TiffError("its samples are complex numbers or of an unknown format: write real numbers")
    if header.photometric not in (*PLAIN, *CONVERTED):
        name = NAMES.get(header.photometric, f"photometric interpretation {header.photometric}")
        raise TiffError(f"its colours are stored as {name}, which is not read: write grey, RGB or plain bands")
    if (header.tile and min(header.tile) < 1) or (not header.tile and header.rows < 1):
        raise TiffError("its header names no size of strips or tiles", damaged=True)
    if (header.kind == "f" and header.bits not in (16, 32, 64)) or header.bits > 64:
        raise TiffError(f"its samples have {header.bits} bits, which is not read: write 8, 16 or 32")
    if header.kind == "i" and header.bits not in (8, 16, 32, 64):
        raise TiffError(f"its samples are signed and have {header.bits} bits, which is not read: write 16")


def as_data_error(error: TiffError, kind: str, name: str) -> DataError:
    """The error for users: kind of file, name, reason."""
    if error.damaged:
        return DataError(f"{kind} {name} is a damaged TIFF: {error}. Copy or make it again.")
    return DataError(f"{kind} {name} is a TIFF that is not read: {error}.")
