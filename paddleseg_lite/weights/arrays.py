"""Arrays from the bytes of a file, after checking that shape, type and byte count agree.

NumPy's own ``__setstate__`` is not used (a crafted dtype can make it read wild
pointers); the two classes stand in for the half-built objects of a pickle.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from .reading import Damaged, Refused

_DTYPE_CODE = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")


class PendingDtype:
    """``numpy.dtype`` between its construction and its state."""

    def __init__(self, code: str):
        if not _DTYPE_CODE.fullmatch(code):
            raise Refused(f"an array of type {code[:20]!r} (arrays of numbers only)")
        try:
            self.dtype = np.dtype(code)
        except TypeError as e:
            raise Damaged(f"unknown array type {code!r}") from e

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise Damaged("the state of a dtype")
        if any(item is not None for item in state[2:5]):
            raise Refused("a structured array")
        if state[1] in "<>":
            self.dtype = self.dtype.newbyteorder(state[1])


class PendingArray:
    """``numpy.ndarray`` between its construction and its state."""

    def __init__(self):
        self.array: np.ndarray | None = None

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], PendingDtype):
            raise Damaged("the state of an array")
        _, shape, dtype, fortran, raw = state
        self.array = array_from_bytes(raw, dtype.dtype, shape, "F" if fortran else "C")


def array_from_bytes(raw: Any, dtype: np.dtype, shape: Any, order: str = "C") -> np.ndarray:
    """An array over ``raw``; the byte count must be exactly what shape and dtype need."""
    if isinstance(raw, str):  # written by Python 2
        raw = raw.encode("latin1")
    if not isinstance(raw, (bytes, bytearray, memoryview)):
        raise Refused("an array of objects")
    need = element_count(shape) * dtype.itemsize
    if need != len(raw):
        raise Damaged(f"an array of shape {list(shape)[:8]} needs {need} bytes, the file has {len(raw)}")
    if need == 0:
        return np.zeros(shape, dtype)
    array = np.frombuffer(raw, dtype=dtype).reshape(shape, order=order)
    return array if array.dtype.isnative else array.astype(dtype.newbyteorder("="))


def element_count(shape: Any) -> int:
    """Product of a shape, after checking that it is one."""
    if not isinstance(shape, (tuple, list)) or len(shape) > 32:
        raise Damaged("an array shape")
    if not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise Damaged("an array shape")
    return math.prod(shape)


def widen_bf16(bits: np.ndarray) -> np.ndarray:
    """float32 of bfloat16 values given as uint16; exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32).reshape(bits.shape)
