"""Read and write ``.safetensors``: a JSON header with offsets, then the raw numbers.

Layout: https://github.com/huggingface/safetensors (README, "Format"): 8 bytes
little-endian header length, the JSON header, the data without holes.
The package of that name writes the same bytes, but takes about three times as long and
holds them once more, has no bfloat16 for NumPy, and accepts a name that is there twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..files import open_whole
from .arrays import element_count, widen_bf16
from .reading import Damaged, reading

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
_TYPES |= {"I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "|b1", "C64": "<c8"}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items() if name != "BF16"}
MAX_HEADER = 100 << 20


def read_safetensors(path: str) -> dict[str, np.ndarray]:
    """All tensors of a file; bfloat16 as float32.

    Raises:
        CheckpointError: the file is damaged or has a type NumPy lacks.
    """
    with reading(path), open(path, "rb") as f:
        size = f.seek(0, 2) - 8
        f.seek(0)
        length = int.from_bytes(f.read(8), "little")
        if length > min(MAX_HEADER, size):
            raise Damaged("the header is longer than the file")
        header = json.loads(f.read(length).decode("utf-8"), object_pairs_hook=_unique)
        if not isinstance(header, dict) or not isinstance(header.pop("__metadata__", {}), dict):
            raise Damaged("the header is not a JSON object")
        arrays, at = {}, 0
        for name, kind, shape, begin, end in sorted(map(_entry, header.items()), key=lambda e: e[3:]):
            if begin != at or end > size - length:
                raise Damaged(f"tensor {name[:60]} leaves a hole, overlaps another or reaches beyond the file")
            raw, at = f.read(end - begin), end
            if len(raw) != end - begin:
                raise Damaged("the file became shorter while it was read")
            array = np.frombuffer(raw, _TYPES[kind]).reshape(shape)
            arrays[name] = widen_bf16(array) if kind == "BF16" else array
        if at != size - length:
            raise Damaged(f"{size - length} bytes of data, the header describes {at}")
        return arrays


def _unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Damaged("a name twice in the header")
    return result


def _entry(item: tuple[str, Any]) -> tuple[str, str, list[int], int, int]:
    """Name, type, shape, first and last byte (exclusive) of a tensor; what the file can hold is not known here."""
    name, value = item
    if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= set(value):
        raise Damaged(f"the entry of tensor {name[:60]}")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Damaged(f"tensor {name[:60]} has type {str(kind)[:20]}, known are {', '.join(_TYPES)}")
    need = element_count(shape) * np.dtype(_TYPES[kind]).itemsize
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(o) is int for o in offsets):
        raise Damaged(f"the offsets of tensor {name[:60]}")
    if offsets[0] < 0 or offsets[1] - offsets[0] != need:
        raise Damaged(f"tensor {name[:60]} needs {need} bytes, its offsets are {offsets[0]}..{offsets[1]}")
    return name, kind, shape, offsets[0], offsets[1]


def write_safetensors(
    target: str | os.PathLike | BinaryIO, tensors: Mapping[str, Any], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays (or Paddle tensors, bfloat16 ones as such).

    Args:
        target: a path, written whole, or a file opened for writing bytes.
        tensors: name to array of a plain number type.
        metadata: free text entries for the header.

    Raises:
        ValueError: an element type the format does not have.
    """
    entries = []
    for name, value in tensors.items():
        is_bf16 = "bfloat16" in str(getattr(value, "dtype", ""))  # Paddle hands its bits out as uint16
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        kind = "BF16" if is_bf16 else _NAMES.get(array.dtype)
        if kind is None or (is_bf16 and array.dtype != np.uint16):
            raise ValueError(f"tensor {name} has element type {array.dtype}, which safetensors does not know.")
        entries.append((name, kind, array))
    entries.sort(key=lambda e: (-e[2].itemsize, e[0]))  # wide types first keeps all aligned
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, kind, array in entries:
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open_whole(target) as f:
        f.write(len(text).to_bytes(8, "little"))
        f.write(text)
        for _, _, array in entries:
            f.write(array.tobytes())
