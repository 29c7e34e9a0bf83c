"""Netpbm pictures (PGM, PPM, PAM), whose header names the largest value.

OpenCV leaves that value aside in binary files, and stretches the numbers of text files by it.

Source: netpbm's format pages pgm(5), ppm(5), pam(5).
"""

from __future__ import annotations

import re

import numpy as np

_HEADER = re.compile(rb"P([2356])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s")
_PAM = re.compile(rb"P7\n(?:[^\n]*\n)*?MAXVAL\s+(\d+)\n(?:[^\n]*\n)*?ENDHDR\n")


def max_value(data: bytes) -> int | None:
    """What white is, 1 to 65535; None where the bytes are no such picture, or it is black and white."""
    found = _HEADER.match(data[:4096]) or _PAM.match(data[:4096])
    value = int(found.groups()[-1]) if found else 0
    return value if 0 < value <= 65535 else None


def size(data: bytes) -> tuple[int, int] | None:
    """(H, W) of a binary or text picture; None where the bytes are none (or a PAM, whose fields have no order)."""
    found = _HEADER.match(data[:4096])
    return (int(found[3]), int(found[2])) if found else None


def as_binary(data: bytes) -> bytes:
    """A text file (P2, P3) as the binary one that says the same; anything else as it is."""
    if data[:2] not in (b"P2", b"P3"):
        return data
    words = re.sub(rb"#[^\n]*", b"", data).split()
    try:
        width, height, largest = (int(w) for w in words[1:4])
        values = np.array(words[4:]).astype(np.int64)
    except ValueError:
        return data
    count = width * height * (3 if data[:2] == b"P3" else 1)
    if not 0 < largest <= 65535 or len(values) != count or not count or values.min() < 0 or values.max() > largest:
        return data
    head = f"{'P6' if data[:2] == b'P3' else 'P5'}\n{width} {height}\n{largest}\n".encode()
    return head + values.astype(">u2" if largest > 255 else "u1").tobytes()
