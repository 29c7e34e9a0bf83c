"""The size of a picture by its header, for the formats that OpenCV decodes: known before memory is asked for.

Sources: JPEG (ITU-T T.81, B.2.2); BMP (BITMAPINFOHEADER); WebP container and bitstreams (RFC 9649); netpbm(5).
"""

from __future__ import annotations

import struct

from . import exif, pnm


def header_size(data: bytes) -> tuple[int, int] | None:
    """(H, W) as stored, not turned upright; None where the header does not say it or the format is another one."""
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[:2] == b"BM":
            return _bmp(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        return pnm.size(data)
    except struct.error:  # cut off
        return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    for marker, start, _ in exif.jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, start + 1)
            return (height, width) if height and width else None
    return None


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # of OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(height), abs(width)


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", data, 24)
        return (high << 8 | low >> 24) + 1, (low & 0xFFFFFF) + 1
    return None
