"""TIFF files of every storage, with some of their fields, bytes or ends made wrong."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL import Image
from tiff_writer import write_tiff

JUNK = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 32, 33, 64, 100, 255, 256, 32773, 34892, 65535, 2**31, 2**32 - 1]
FIELDS = [254, 255, 256, 257, 258, 259, 262, 263, 266, 269, 270, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284]
FIELDS += [292, 296, 297, 301, 317, 320, 321, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347, 512, 513, 514]
FIELDS += [529, 530, 531, 532, 32997, 32998, 33550, 33922, 34665, 34675, 37724, 42112, 42113, 50838, 50839, 65000]


@dataclass
class Raster:
    """A file, and what it should hold where that is known.

    Attributes:
        stored: samples [H, W, C] as they were written; None once the file was made wrong.
    """

    data: bytes
    stored: np.ndarray | None


def tiff_case(rng: np.random.Generator) -> Raster:
    """A TIFF with none to three faults."""
    tags, segments, stored, options = _right(rng)
    faults = int(rng.integers(0, 4))
    for _ in range(faults):
        number = int(rng.choice(FIELDS)) if rng.random() < 0.4 else int(rng.choice(list(tags)))
        if rng.random() < 0.15:
            tags.pop(number, None)
        else:
            tags[number] = _junk(rng, tags.get(number))
    data = write_tiff(tags, segments, **options)
    if rng.random() < 0.25:
        data, faults = damaged(rng, data), faults + 1
    return Raster(data, None if faults else stored)


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """Cut off, with some bytes changed, or with bytes at its end."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return data[: int(rng.integers(0, len(data)))]
    if kind == 1:
        return data + rng.bytes(int(rng.integers(1, 40)))
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data))) if kind == 2 else -int(rng.integers(1, min(len(data), 250)))
        changed[at] = int(rng.integers(0, 256))
    return bytes(changed)


def _junk(rng, before) -> tuple[str, list[int]]:
    kind = "BHI"[rng.integers(0, 3)]
    size = {"B": 256, "H": 65536, "I": 2**32}[kind]
    if before is not None and rng.random() < 0.5:  # of the right type and number
        kind, values = before
        size = {"B": 256, "H": 65536, "I": 2**32, "Q": 2**64}[kind]
        values = list(values) or [0]
        values[rng.integers(0, len(values))] = int(rng.choice(JUNK)) % size
        return kind, values
    return kind, [int(rng.choice(JUNK)) % size for _ in range(int(rng.choice([0, 1, 1, 1, 2, 3, 4, 9, 256, 768])))]


def _right(rng):
    """Tags, segments, samples and options of the writer."""
    height, width = (int(v) for v in rng.integers(1, 41, 2))
    kind = str(rng.choice(["u", "u", "u", "i", "f"]))
    bits = int(rng.choice({"u": [1, 2, 4, 8, 8, 8, 12, 16, 16, 32], "i": [8, 16, 32], "f": [32, 64, 16]}[kind]))
    samples = int(rng.choice([1, 1, 1, 2, 3, 3, 4, 5, 8]))
    photometric = 1
    if samples >= 3 and kind == "u":
        photometric = int(rng.choice([1, 2, 2]))
    elif samples == 1 and kind == "u":
        photometric = int(rng.choice([0, 1, 1, 3])) if bits <= 8 else 1
    dtype = np.dtype(f"{kind}{max(1, next(b for b in (8, 16, 32, 64) if bits <= b) // 8)}")
    if kind == "f":
        stored = rng.normal(0, 100, (height, width, samples)).astype(dtype)
    else:
        stored = rng.integers(0, 1 << min(bits - (kind == "i"), 62), (height, width, samples)).astype(dtype)
    planar = samples > 1 and rng.random() < 0.4
    order = "<>"[rng.integers(0, 2)]
    compression = int(rng.choice([1, 1, 8, 5, 32773, 32946]))
    predictor = 2 if compression in (5, 8, 32946) and bits in (8, 16, 32) and kind != "f" and rng.random() < 0.4 else 1
    reversed_bits = rng.random() < 0.1
    extra = samples - {2: 3}.get(photometric, 1)
    tags = {256: ("I", [width]), 257: ("I", [height]), 258: ("H", [bits] * samples), 259: ("H", [compression])}
    tags |= {262: ("H", [photometric]), 277: ("H", [samples]), 284: ("H", [2 if planar else 1])}
    tags |= {339: ("H", [{"u": 1, "i": 2, "f": 3}[kind]] * samples), 317: ("H", [predictor])}
    if rng.random() < 0.3:
        tags[274] = ("H", [int(rng.integers(1, 9))])
    if reversed_bits:
        tags[266] = ("H", [2])
    if extra > 0:
        tags[338] = ("H", [int(rng.integers(0, 3)) for _ in range(extra)])
    if photometric == 3:
        tags[320] = ("H", rng.integers(0, 65536, 3 * 2**bits).tolist())
    if rng.random() < 0.3:
        tile = 16 * int(rng.integers(1, 3)), 16 * int(rng.integers(1, 3))
        tags |= {322: ("H", [tile[1]]), 323: ("H", [tile[0]])}
        tops, lefts = range(0, height, tile[0]), range(0, width, tile[1])
    else:
        tile = int(rng.integers(1, height + 1)), width
        tags[278] = ("I", [tile[0]])
        tops, lefts = range(0, height, tile[0]), [0]
    segments = []
    for plane in np.split(stored, samples, axis=2) if planar else [stored]:
        for top in tops:
            for left in lefts:
                part = plane[top : top + tile[0], left : left + tile[1]]
                if 322 in tags:
                    part = np.pad(part, [(0, tile[0] - part.shape[0]), (0, tile[1] - part.shape[1]), (0, 0)])
                packed = _compressed(_packed(part, bits, order, predictor), compression)
                segments.append(packed.translate(_REVERSED) if reversed_bits else packed)
    return tags, segments, stored, {"order": order, "big": bool(rng.random() < 0.15)}


_REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


def _packed(part: np.ndarray, bits: int, order: str, predictor: int) -> bytes:
    if predictor == 2:
        whole = part.view(f"u{part.dtype.itemsize}")
        part = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], axis=1)
    if bits in (8, 16, 32, 64):
        return part.astype(part.dtype.newbyteorder(order)).tobytes()
    flat = part.reshape(len(part), -1).astype(">u2")
    each = np.unpackbits(flat.view(np.uint8).reshape(*flat.shape, 2), axis=2)[..., 16 - bits :]
    return np.packbits(each.reshape(len(part), -1), axis=1).tobytes()


def _compressed(data: bytes, compression: int) -> bytes:
    if compression in (8, 32946):
        return zlib.compress(data)
    if compression == 32773:  # PackBits, nothing but literal runs
        parts = [data[i : i + 128] for i in range(0, len(data), 128)]
        return b"".join(bytes([len(p) - 1]) + p for p in parts)
    if compression == 5:
        out = io.BytesIO()
        Image.fromarray(np.frombuffer(data, np.uint8)[None]).save(out, "TIFF", compression="tiff_lzw")
        with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
            page = file.pages[0]
            return out.getvalue()[page.dataoffsets[0] : page.dataoffsets[0] + page.databytecounts[0]]
    return data
