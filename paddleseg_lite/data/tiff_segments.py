"""The samples of a TIFF: strips and tiles unpacked, put together, and otherwise left alone.

Compressed segments go to libtiff inside Pillow behind a header of our own that
calls each byte a grey pixel: whatever the samples are, it hands back their
bytes, all segments in one call. Predictors and packed bits are undone here.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import TiffImagePlugin

from .tiff import LOSSLESS, Header, TiffError

_DEFLATE = (8, 32946)
_PREDICTED = (5, 8, 32946, 34925, 50000)  # the compressions that a predictor goes with
_PART = 1 << 20  # bytes unpacked to bits at a time
_REVERSED = np.array([int(f"{i:08b}"[::-1], 2) for i in range(256)], np.uint8)


def decoded_bytes(header: Header) -> int:
    """Size of the samples once unpacked."""
    return header.height * header.width * header.samples * header.dtype.itemsize


def read_samples(data: bytes, header: Header) -> np.ndarray:
    """Samples as stored, [H, W, C] in the file's own rows and columns (not yet upright).

    Raises:
        TiffError: a segment is missing, cut off or damaged, or packed in a way that is not read.
    """
    if header.compression not in LOSSLESS:
        raise TiffError(
            f"its compression {header.compression} is not read for {header.samples} bands of {header.bits} bits: "
            "write it with Deflate or LZW (gdal_translate -co COMPRESS=DEFLATE, tiffcp -c zip)"
        )
    if header.predictor not in (1, 2, 3) or (header.predictor == 2 and header.bits not in (8, 16, 32, 64)):
        raise TiffError(f"its predictor {header.predictor} for {header.bits} bits is not read: write it without")
    if header.predictor == 3 and header.kind != "f":
        raise TiffError("its predictor is one of floating point, and its samples are integers", damaged=True)
    if header.predictor != 1 and header.compression not in _PREDICTED:
        raise TiffError(f"it names predictor {header.predictor} and no compression that has one: programs differ")
    out = np.empty((header.height, header.width, header.samples), header.dtype)
    planes = header.samples if header.planar else 1
    grid = _grid(header)
    if len(header.offsets) < planes * len(grid) or len(header.counts) < planes * len(grid):
        raise TiffError(f"it names {len(header.offsets)} of {planes * len(grid)} strips or tiles", damaged=True)
    bands = 1 if header.planar else header.samples
    for number, raw in _unpacked(data, header, grid, planes, bands):
        plane, (top, left, height, width) = number // len(grid), grid[number % len(grid)]
        target = out[top : top + height, left : left + width, plane : plane + bands]
        if raw is None:
            target[...] = header.nodata
        else:
            _place(target, raw, header, bands, width if header.tile is None else header.tile[1])
    return out


def check_whole(data: bytes, header: Header) -> None:
    """Raise TiffError where a segment lies beyond the end of the file."""
    for offset, count in zip(header.offsets, header.counts):
        if offset + count > len(data):
            raise TiffError("it is truncated", damaged=True)


def _grid(header: Header) -> list[tuple[int, int, int, int]]:
    """``(top, left, height, width)`` of the part of the picture that each segment of a plane fills."""
    rows, columns = header.tile or (min(header.rows, header.height), header.width)
    if (header.height // rows) * (header.width // columns) > max(1, len(header.offsets)):
        raise TiffError(f"it names {len(header.offsets)} strips or tiles, and its sizes need more", damaged=True)
    return [
        (top, left, min(rows, header.height - top), min(columns, header.width - left))
        for top in range(0, header.height, rows)
        for left in range(0, header.width, columns)
    ]


def _row_bytes(header: Header, bands: int, width: int) -> int:
    return (width * bands * header.bits + 7) // 8


def _unpacked(
    data: bytes, header: Header, grid: list[tuple[int, int, int, int]], planes: int, bands: int
) -> Iterator[tuple[int, np.ndarray | None]]:
    """``(number, uint8 [rows, bytes of a row])`` of each segment; None for one that was never written."""
    for plane in range(planes):
        numbers = range(plane * len(grid), (plane + 1) * len(grid))
        shapes = {n: _segment_shape(header, bands, grid[n % len(grid)]) for n in numbers}
        stored = {n: _stored(data, header, n) for n in numbers}
        if header.compression == 1 or header.compression in _DEFLATE:
            for n in numbers:
                part = stored[n]
                yield n, None if part is None else _plain(part, header.compression, shapes[n])
            continue
        for n in numbers:
            if stored[n] is None:
                yield n, None
        yield from _by_libtiff({n: s for n, s in stored.items() if s is not None}, shapes, header.compression)


def _segment_shape(header: Header, bands: int, part: tuple[int, int, int, int]) -> tuple[int, int]:
    """Rows, and bytes of a row, of a segment: tiles are whole also where the picture ends within."""
    if header.tile is not None:
        return header.tile[0], _row_bytes(header, bands, header.tile[1])
    return part[2], _row_bytes(header, bands, part[3])


def _stored(data: bytes, header: Header, number: int) -> memoryview | None:
    offset, count = header.offsets[number], header.counts[number]
    if offset == 0 and count == 0:
        return None  # GDAL's sparse files
    if offset <= 0 or count <= 0 or offset + count > len(data):
        raise TiffError("it is truncated, or names a strip or tile that lies outside of it", damaged=True)
    part = memoryview(data)[offset : offset + count]
    return _REVERSED[np.frombuffer(part, np.uint8)].data if header.reversed_bits else part


def _plain(stored: memoryview | bytes, compression: int, shape: tuple[int, int]) -> np.ndarray:
    need = shape[0] * shape[1]
    if compression in _DEFLATE:
        try:
            stored = zlib.decompressobj().decompress(stored, need)
        except zlib.error as e:
            raise TiffError(f"a strip or tile is damaged ({e})", damaged=True) from None
    if len(stored) < need:
        raise TiffError(f"a strip or tile has {len(stored)} bytes of {need}", damaged=True)
    return np.frombuffer(stored, np.uint8, need).reshape(shape)


def _by_libtiff(
    stored: dict[int, memoryview], shapes: dict[int, tuple[int, int]], compression: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Segments of equal width as one column of strips: one call for all."""
    groups: dict[tuple[int, int], list[int]] = {}
    for n in stored:
        groups.setdefault(shapes[n], []).append(n)  # all alike but the last strip
    for (height, width), group in groups.items():
        column = _grey_tiff([stored[n] for n in group], height, width, compression)
        try:
            # not Image.open, which refuses what it calls decompression bombs: the size was checked before
            with TiffImagePlugin.TiffImageFile(io.BytesIO(column)) as picture:
                found = np.asarray(picture)
        except Exception as e:  # Pillow raises OSError, SyntaxError, struct.error, ...
            kind = LOSSLESS[compression]
            raise TiffError(f"a strip or tile compressed with {kind} cannot be unpacked ({e})", damaged=True) from e
        for i, n in enumerate(group):
            yield n, found[i * height : (i + 1) * height]


def _grey_tiff(parts: list[memoryview], rows: int, width: int, compression: int) -> bytes:
    """A BigTIFF of 8-bit grey whose strips are ``parts``, each ``rows`` high."""
    start, counts = 16, [len(p) for p in parts]
    offsets = np.cumsum([start, *counts])[:-1].astype("<u8").tobytes()
    table = start + sum(counts)
    sizes = np.asarray(counts, "<u8").tobytes()
    short, long = 3, 16
    entries = [
        (256, long, 1, width),
        (257, long, 1, rows * len(parts)),
        (258, short, 1, 8),
        (259, short, 1, compression),
        (262, short, 1, 1),
        (273, long, len(parts), table if len(parts) > 1 else start),
        (277, short, 1, 1),
        (278, long, 1, rows),
        (279, long, len(parts), table + len(offsets) if len(parts) > 1 else counts[0]),
    ]
    directory = struct.pack("<Q", len(entries)) + b"".join(struct.pack("<HHQQ", *e) for e in entries)
    where = table + len(offsets) + len(sizes)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, where)
    return b"".join([head, *parts, offsets, sizes, directory, struct.pack("<Q", 0)])


def _place(target: np.ndarray, raw: np.ndarray, header: Header, bands: int, width: int) -> None:
    """Write a segment's bytes [rows, bytes of a row] into its part of the picture [h, w, bands]."""
    height = target.shape[0]
    if header.bits in (8, 16, 32, 64):
        values = _whole_bytes(np.ascontiguousarray(raw[:height]), header, bands, width)
        target[...] = values[:, : target.shape[1]]
        return
    rows = max(1, _PART // raw.shape[1])
    for top in range(0, height, rows):
        part = raw[top : min(top + rows, height)]
        bits = np.unpackbits(part, axis=1)[:, : width * bands * header.bits]
        values = _packed(bits.reshape(len(part), width, bands, header.bits), header.dtype)
        target[top : top + len(part)] = values[:, : target.shape[1]]


def _packed(bits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Numbers from their bits, the highest first, along the last axis."""
    out = np.zeros(bits.shape[:-1], dtype)
    for i in range(bits.shape[-1]):
        out = (out << dtype.type(1)) | bits[..., i].astype(dtype)
    return out


def _whole_bytes(raw: np.ndarray, header: Header, bands: int, width: int) -> np.ndarray:
    """Samples [rows, width, bands] of whole bytes, their predictor undone."""
    rows, size = len(raw), header.bits // 8
    stored = header.dtype.newbyteorder(">" if header.order == ">" else "<")
    if header.predictor == 3:  # bytes of a row: the differences of all first bytes, then of all second ones, ...
        sums = np.cumsum(raw.reshape(rows, -1, bands), axis=1, dtype=np.uint8)
        planes = sums.reshape(rows, size, width * bands).transpose(0, 2, 1)
        return np.ascontiguousarray(planes).view(f">f{size}").reshape(rows, width, bands)
    values = raw.view(stored).reshape(rows, width, bands)
    if header.predictor == 2:
        whole = values.view(f"{stored.byteorder}u{size}").astype(f"u{size}")
        return np.cumsum(whole, axis=1, dtype=whole.dtype).view(header.dtype)
    return values
