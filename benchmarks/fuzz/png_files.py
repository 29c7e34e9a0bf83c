"""PNG files of every kind with some of their fields, chunks, bytes or ends made wrong, and other formats' files."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image
from tiff_files import Raster, damaged

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_BESIDE = [b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"pHYs", b"tIME", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"sRGB", b"hIST"]
_BESIDE += [
    b"tRNS",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"abCD",
    b"ABCD",
    b"PLTE",
    b"IDAT",
    b"IHDR",
    b"IEND",
    b"\0\0\0\0",
]


def png_case(rng: np.random.Generator) -> Raster:
    """A PNG with none to three faults; one without keeps its samples."""
    colour = int(rng.choice(list(_SAMPLES)))
    depth = int(rng.choice(_DEPTHS[colour]))
    height, width = (int(v) for v in rng.integers(1, 41, 2))
    stored = rng.integers(0, 1 << depth, (height, width, _SAMPLES[colour])).astype(
        np.uint16 if depth == 16 else np.uint8
    )
    interlaced = int(rng.random() < 0.3)
    header = [width, height, depth, colour, 0, 0, interlaced]
    pixels = _interlaced(rng, stored, depth) if interlaced else _rows(rng, stored, depth)
    chunks = [[b"IHDR", None]]
    if colour == 3:
        chunks.append([b"PLTE", rng.bytes(3 << depth)])
    if rng.random() < 0.2:
        chunks.append(
            [b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([int(rng.integers(0, 10))]) + bytes(7)]
        )
    packed = zlib.compress(pixels)
    cut = int(rng.integers(0, len(packed)))
    chunks += [[b"IDAT", packed[:cut]], [b"IDAT", packed[cut:]], [b"IEND", b""]]
    faults = int(rng.integers(0, 4))
    for _ in range(faults):
        _spoil(rng, header, chunks, packed)
    out = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        body = (
            struct.pack(">IIBBBBB", *(v % m for v, m in zip(header, (2**32, 2**32, *[256] * 5))))
            if body is None
            else body
        )
        check = zlib.crc32(kind + body) if rng.random() > 0.01 else 7
        faults += check == 7
        out.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check))
    data = b"".join(out)
    if rng.random() < 0.2:
        data, faults = damaged(rng, data), faults + 1
    turned = any(kind == b"eXIf" for kind, _ in chunks)
    return Raster(data, None if faults or turned else stored)


def _spoil(rng, header, chunks, packed) -> None:
    kind = rng.integers(0, 5)
    if kind == 0:
        header[rng.integers(0, 7)] = int(
            rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 255, 40000, 2**20 + 1, 2**31, 2**32 - 1])
        )
    elif kind == 1:
        body = bytes(rng.bytes(int(rng.choice([0, 1, 2, 3, 4, 6, 9, 30, 768, 900]))))
        chunks.insert(int(rng.integers(0, len(chunks) + 1)), [_BESIDE[rng.integers(0, len(_BESIDE))], body])
    elif kind == 2 and len(chunks) > 1:
        chunks.pop(int(rng.integers(0, len(chunks))))
    elif kind == 3:
        rng.shuffle(chunks)
    else:
        other = packed[: int(rng.integers(0, len(packed)))] if rng.random() < 0.5 else damaged(rng, packed)
        places = [i for i, chunk in enumerate(chunks) if chunk[0] == b"IDAT"]
        for i in places[1:]:
            chunks[i][1] = b""
        if places:
            chunks[places[0]][1] = other


def _rows(rng, stored, depth) -> bytes:
    """Rows with their filters: none, Sub or Up."""
    out, step = [], max(1, stored.shape[2] * depth // 8)
    before = None
    for row in stored:
        if depth == 16:
            data = np.frombuffer(row.astype(">u2").tobytes(), np.uint8)
        elif depth == 8:
            data = row.reshape(-1)
        else:
            data = np.packbits(np.unpackbits(row.reshape(-1, 1), axis=1)[:, 8 - depth :].reshape(-1))
        kind = int(rng.integers(0, 3))
        other = {
            0: 0,
            1: np.concatenate([np.zeros(step, np.uint8), data])[: len(data)],
            2: 0 if before is None else before,
        }
        out.append(bytes([kind]) + (data - other[kind]).astype(np.uint8).tobytes())
        before = data
    return b"".join(out)


def _interlaced(rng, stored, depth) -> bytes:
    parts = [stored[top::down, left::right] for top, left, down, right in _PASSES]
    return b"".join(_rows(rng, part, depth) for part in parts if part.size)


def other_case(rng: np.random.Generator, kind: str) -> Raster:
    """A file of another format, by Pillow; half of them made wrong."""
    size, mode = rng.integers(1, 41, 2), str(rng.choice(["1", "L", "P", "RGB"]))
    if kind in ("JPEG", "WEBP", "PPM") and mode == "P":
        mode = "RGB"
    if kind == "JPEG" and mode == "1":
        mode = "L"
    picture = Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).convert(mode)
    out = io.BytesIO()
    picture.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    data = out.getvalue()
    if rng.random() < 0.5:
        return Raster(damaged(rng, data) if rng.random() < 0.7 else _header_changed(rng, data), None)
    return Raster(data, np.asarray(picture.convert("RGB")))


def _header_changed(rng, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 3))):
        changed[int(rng.integers(0, min(64, len(data))))] = int(rng.choice([0, 1, 8, 127, 128, 255]))
    return bytes(changed)
