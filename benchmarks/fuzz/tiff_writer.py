"""A TIFF with any tags whatever: a writer that checks nothing, for tests of a reader."""

from __future__ import annotations

import struct
import zlib

import numpy as np

_TYPES = {"B": 1, "H": 3, "I": 4, "Q": 16}


def write_tiff(tags: dict[int, tuple[str, list[int]]], segments: list[bytes], *, order: str = "<", big: bool = False):
    """The file: header, segments, long values, directory.

    Args:
        tags: number -> (``B``, ``H``, ``I`` or ``Q``, values). 273 and 279 (or 324 and 325) are filled in.
        order: ``<`` or ``>``.
        big: BigTIFF.
    """
    tags = dict(tags)
    start = 16 if big else 8
    tiled = 322 in tags
    wide = "Q" if big else "I"
    offsets = np.cumsum([start, *(len(s) for s in segments)])[:-1].tolist() if segments else []
    tags.setdefault(324 if tiled else 273, (wide, offsets))
    tags.setdefault(325 if tiled else 279, (wide, [len(s) for s in segments]))
    body = b"".join(segments)
    inline = 8 if big else 4
    long_at = start + len(body)
    longs, entries = b"", b""
    for number, (kind, values) in sorted(tags.items()):
        code = _TYPES[kind]
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(data) > inline:
            data, longs = struct.pack(order + ("Q" if big else "I"), long_at + len(longs)), longs + data
        entries += struct.pack(order + ("HHQ" if big else "HHI"), number, code, len(values)) + data.ljust(inline, b"\0")
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    where = long_at + len(longs)
    mark = b"II" if order == "<" else b"MM"
    head = struct.pack(order + "HHHQ", 43, 8, 0, where) if big else struct.pack(order + "HI", 42, where)
    return mark + head + body + longs + count + entries + bytes(inline)


def grey_tags(height: int, width: int, **changes) -> dict[int, tuple[str, list[int]]]:
    """The tags of a plain grey picture in one strip; ``changes``: ``t317=("H", [2])`` and so on, None leaves one out."""
    tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8]),
        259: ("H", [1]),
        262: ("H", [1]),
        277: ("H", [1]),
        278: ("I", [height]),
    }
    tags.update({int(k[1:]): v for k, v in changes.items()})
    return {k: v for k, v in tags.items() if v is not None}


def float_predicted(values: np.ndarray) -> bytes:
    """Rows [H, W, C] of floats as predictor 3 stores them: all first bytes, then all second ones; differences."""
    rows = []
    for row in values:
        size, bands = values.dtype.itemsize, values.shape[2]
        planes = row.astype(values.dtype.newbyteorder(">")).tobytes()
        flat = np.frombuffer(planes, np.uint8).reshape(-1, size).T.reshape(-1)
        before = np.concatenate([np.zeros(bands, np.uint8), flat[:-bands]])
        rows.append((flat - before).tobytes())
    return b"".join(rows)


def deflated(data: bytes) -> bytes:
    """As compression 8 stores it."""
    return zlib.compress(data)
