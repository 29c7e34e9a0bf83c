"""The little of the PNG format that OpenCV does not offer: palette indices.

A palette PNG (mode P: VOC labels, most annotation tools) holds class ids, but
OpenCV hands out their colours. Palette and grey images are stored alike, one
sample a pixel, so a grey header in front of the same compressed data makes any
decoder return the ids, whatever the filter, bit depth or interlacing. The same
exchange the other way round writes a palette PNG.

Source: PNG specification (W3C Recommendation, 2nd edition), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
MAX_PIXELS, MAX_SIDE = 2**30, 2**20  # OpenCV's own limits: refuse before anything is allocated

_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}


class Header(NamedTuple):
    """What IHDR says."""

    width: int
    height: int
    depth: int
    colour: int


class PngError(ValueError):
    """The bytes are no sound PNG; the message is the reason, without a file name."""


class TooLarge(PngError):
    """A PNG larger than is read; it may be sound."""


def is_png(data: bytes) -> bool:
    """Whether the bytes begin as a PNG does."""
    return data[:8] == SIGNATURE


def read_header(data: bytes) -> Header:
    """Read IHDR.

    Raises:
        PngError: it is cut off or contradictory.
        TooLarge: the image has more than ``MAX_PIXELS``, or a side longer than ``MAX_SIDE``.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise PngError("its header is cut off")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if depth not in _DEPTHS.get(colour, ()) or not width or not height:
        raise PngError("its header is damaged")
    if width * height > MAX_PIXELS:
        raise TooLarge(f"its header claims {width} x {height} pixels, more than the {MAX_PIXELS} that are read")
    if max(width, height) > MAX_SIDE:
        raise TooLarge(f"its header claims {width} x {height} pixels, and sides up to {MAX_SIDE} are read")
    return Header(width, height, depth, colour)


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield ``(type, start, end)`` of each chunk, ``data[start:end]`` being all of it.

    Raises:
        PngError: the data end before IEND, or a checksum is wrong.
    """
    at = 8
    view = memoryview(data)
    while True:
        if at + 12 > len(data):
            raise PngError("it is truncated")
        length = struct.unpack_from(">I", data, at)[0]
        kind, end = bytes(view[at + 4 : at + 8]), at + 12 + length
        if end > len(data):
            raise PngError("it is truncated")
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise PngError(f"the checksum of its {kind.decode('latin-1')} chunk is wrong")
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end


def check(data: bytes) -> Header:
    """Return the header of a PNG that is complete and undamaged, else raise PngError."""
    header = read_header(data)
    if not any(kind == b"IDAT" for kind, _, _ in list(chunks(data))):
        raise PngError("it holds no image data")
    return header


def as_grey(data: bytes) -> bytes:
    """The same PNG with its samples declared grey, and without palette and transparency."""
    header, parts = read_header(data), [SIGNATURE]
    for kind, start, end in chunks(data):
        if kind == b"IHDR":
            ihdr = struct.pack(">IIBB", header.width, header.height, header.depth, GREY) + data[26:29]
            parts.append(_chunk(b"IHDR", ihdr))
        elif kind in (b"IDAT", b"IEND"):
            parts.append(data[start:end])
    return b"".join(parts)


def as_palette(data: bytes, palette: np.ndarray) -> bytes:
    """Turn an 8-bit grey PNG into a palette PNG.

    Args:
        data: the grey PNG.
        palette: ``[K, 3]`` uint8 RGB, K at most 256. All 256 entries are written
            (the rest black), so that ids such as 255 are valid indices.
    """
    header, parts = read_header(data), [SIGNATURE]
    if (header.depth, header.colour) != (8, GREY):
        raise ValueError("as_palette needs an 8-bit grey PNG.")
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    ihdr = struct.pack(">IIBB", header.width, header.height, 8, PALETTE) + data[26:29]
    parts += [_chunk(b"IHDR", ihdr), _chunk(b"PLTE", colours.tobytes())]
    parts += [data[start:end] for kind, start, end in chunks(data) if kind in (b"IDAT", b"IEND")]
    return b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
