"""Label Studio's run lengths of a brush mask.

A stream of bits, the highest of a byte first: the number of values (32 bits), the bits
of a value less 1 (5), four widths of run lengths less 1 (4 each); then for each run a
bit that tells repeated from literal, two bits that choose the width, the length less 1,
and one value or as many as the run is long. The values are an RGBA picture, row by row,
whose alpha is the mask. Source: the format as Label Studio's converter reads it
(brush.py, after @thi.ng/rle-pack).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHANNELS = 4


class Bits:
    """Whole numbers out of a stream of bits."""

    def __init__(self, data: np.ndarray):
        self.bits, self.at = np.unpackbits(data), 0

    def take(self, count: int, width: int) -> np.ndarray:
        """``count`` numbers of ``width`` bits each, int64.

        Raises:
            ValueError: the stream ends before.
        """
        end = self.at + count * width
        if end > len(self.bits):
            raise ValueError("it ends within a run")
        found = self.bits[self.at : end].reshape(count, width)
        self.at = end
        return found @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))

    def number(self, width: int) -> int:
        """One number."""
        return int(self.take(1, width)[0])


def decode_brush(runs: Sequence[int], height: int, width: int) -> np.ndarray:
    """The mask, bool [H, W]: where alpha is not zero.

    Raises:
        ValueError: the numbers are no bytes, or not the runs of a picture of this size.
    """
    data = np.asarray(runs)
    if data.ndim != 1 or data.dtype.kind not in "iu" or not data.size or data.min() < 0 or data.max() > 255:
        raise ValueError(f"its runs are a list of bytes (0 to 255), but got {str(runs)[:40]}")
    stream = Bits(data.astype(np.uint8))
    count = stream.number(32)
    if count != height * width * CHANNELS:
        raise ValueError(f"it holds {count} values, a picture of {width} x {height} has {height * width * CHANNELS}")
    word = stream.number(5) + 1
    sizes = [stream.number(4) + 1 for _ in range(4)]
    values, at = np.zeros(count, np.uint8), 0
    while at < count:
        repeated = stream.number(1)
        length = stream.number(sizes[stream.number(2)]) + 1
        stop = min(at + length, count)
        values[at:stop] = stream.take(1 if repeated else stop - at, word) > 0
        at = stop
    return values.reshape(height, width, CHANNELS)[..., 3] > 0
