"""What the data tests share: coded samples, a PNG encoder of their own, small datasets on disk."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

IGNORE = 255


def code(label: np.ndarray, channels: int = 3) -> np.ndarray:
    """An image that says at each pixel which id the label has there; padding is 128."""
    table = np.full((256, channels), 128, np.uint8)
    for i in range(8):
        table[i] = [(31 * i + 67 * c) % 256 for c in range(channels)]
    return table[label]


def blocks(rng: np.random.Generator, size=(60, 80), cell=12, classes=6) -> np.ndarray:
    """A label of square blocks."""
    h, w = size
    grid = rng.integers(0, classes, (h // cell + 1, w // cell + 1)).astype(np.uint8)
    return np.ascontiguousarray(np.kron(grid, np.ones((cell, cell), np.uint8))[:h, :w])


def coded_sample(seed=0, size=(60, 80), channels=3, dtype=np.uint8) -> dict:
    label = blocks(np.random.default_rng(seed), size)
    return {
        "image": code(label, channels),
        "label": label.astype(dtype),
        "meta": {"path": "coded.png", "size": size, "trans_info": []},
    }


def misaligned(sample: dict, radius: int = 3, tolerance: int = 2) -> int:
    """Pixels, away from the label's edges, where image and label disagree; -1 where there are none to judge."""
    image, label = sample["image"], sample["label"].astype(np.uint8)
    inside = interior(label, radius)
    if not inside.any():
        return -1
    wrong = np.abs(image.astype(int) - code(label, image.shape[2]).astype(int)).max(axis=2) > tolerance
    return int((wrong & inside).sum())


def interior(label: np.ndarray, radius: int) -> np.ndarray:
    """Pixels farther than ``radius`` from every edge; the frame is one too, for warps blend it with padding."""
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    framed = np.pad(label, radius, constant_values=254)
    return (cv2.erode(framed, kernel) == cv2.dilate(framed, kernel))[radius:-radius, radius:-radius]


def write_image(path: Path, image: np.ndarray) -> Path:
    """Write RGB (or grey) with OpenCV alone, independent of the code under test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if image.ndim == 3:
        image = image[..., ::-1] if image.shape[2] == 3 else image[..., [2, 1, 0, 3]]
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(image))[1].tobytes())
    return path


def png_bytes(
    samples: np.ndarray, depth: int, colour: int, *, filters=(0,), interlace=False, palette=None, extra=()
) -> bytes:
    """Encode a one-channel PNG by the book: any depth, every filter, Adam7."""
    h, w = samples.shape
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes] if interlace else [samples]
    body = b"".join(_filtered(part, depth, filters) for part in parts if part.size)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlace)))
    if palette is not None:
        out += chunk(b"PLTE", np.asarray(palette, np.uint8).tobytes())
    for kind, data in extra:
        out += chunk(kind, data)
    return out + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _filtered(part, depth, filters):
    out, step = b"", max(1, depth // 8)
    above = None
    for n, row in enumerate(part):
        if depth == 16:
            raw = row.astype(">u2").tobytes()
        elif depth == 8:
            raw = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            raw = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        above = bytes(len(raw)) if above is None else above
        kind = filters[n % len(filters)]
        line = bytearray()
        for i, value in enumerate(raw):
            a = raw[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((value - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        out += bytes([kind]) + bytes(line)
        above = raw
    return out


def exif_block(value: int, order="<") -> bytes:
    """A TIFF block with nothing but an orientation."""
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, value, 0, 0)


def list_dataset(root: Path, count=4, size=(24, 32), classes=3, name="train.txt", separator=" ") -> Path:
    """``count`` coded pairs and their list."""
    lines = []
    for i in range(count):
        label = blocks(np.random.default_rng(i), size, 8, classes)
        write_image(root / f"images/{i}.png", code(label))
        write_image(root / f"labels/{i}.png", label)
        lines.append(f"images/{i}.png{separator}labels/{i}.png")
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
