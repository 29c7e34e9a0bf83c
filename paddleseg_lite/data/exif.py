"""The EXIF orientation of a picture, and how to obey it.

Phones store the sensor's rows and a tag that says how to turn them. OpenCV
obeys the tag for some flags and formats and not for others; reading it here
makes images and labels behave alike.

Source: EXIF 2.32, tag 0x0112; TIFF 6.0 for the structure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np


def orientation(data: bytes) -> int:
    """The orientation, 1 to 8, of a JPEG, PNG or WebP file; 1 where none is stored or it is damaged."""
    try:
        for block in _exif_blocks(data):
            value = _orientation_of_tiff(block)
            if 1 <= value <= 8:
                return value
    except struct.error:  # cut off in the middle of the tag
        pass
    return 1


def upright(image: np.ndarray, value: int) -> np.ndarray:
    """Turn ``image`` [H, W, ...] as an orientation of ``value`` asks for."""
    if value in (5, 6, 7, 8):
        image = np.swapaxes(image, 0, 1)  # rows become columns
    flip_rows = value in (3, 4, 7, 8)
    flip_columns = value in (2, 3, 6, 7)
    if flip_rows:
        image = image[::-1]
    if flip_columns:
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield ``(marker, start, end)`` of a JPEG's segments up to the first scan (0xDA, included)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # without a length
            at += 2
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        yield marker, at + 4, end
        if marker == 0xDA or end <= at + 2:
            return
        at = end


def jpeg_is_cut(data: bytes) -> bool:
    """Whether a JPEG has a scan and no end marker behind it (within a scan 0xFF is always followed by 0x00)."""
    scans = [start for marker, start, _ in jpeg_segments(data) if marker == 0xDA]
    return bool(scans) and data.find(b"\xff\xd9", scans[0]) < 0


def _exif_blocks(data: bytes) -> Iterator[bytes]:
    if data[:2] == b"\xff\xd8":
        for marker, start, end in jpeg_segments(data):
            if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
                yield data[start + 6 : end]
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _chunks_named(data, 8, ">I4s", b"eXIf", after=4, even=False)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        for block in _chunks_named(data, 12, "<4sI", b"EXIF", after=0, even=True):
            yield block[6:] if block[:6] == b"Exif\0\0" else block


def _chunks_named(data: bytes, at: int, layout: str, wanted: bytes, *, after: int, even: bool) -> Iterator[bytes]:
    """Bodies of the chunks named ``wanted`` in a file of (length, name, body) chunks."""
    while at + 8 <= len(data):
        fields = struct.unpack_from(layout, data, at)
        name, length = fields if isinstance(fields[0], bytes) else fields[::-1]
        if name == wanted:
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + after + (length & 1 if even else 0)


def _orientation_of_tiff(block: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return 0
    at = struct.unpack_from(order + "I", block, 4)[0]
    if at + 2 > len(block):
        return 0
    for entry in range(struct.unpack_from(order + "H", block, at)[0]):
        where = at + 2 + 12 * entry
        tag, kind = struct.unpack_from(order + "HH", block, where)
        if tag == 0x0112 and kind == 3:
            return struct.unpack_from(order + "H", block, where + 8)[0]
    return 0
