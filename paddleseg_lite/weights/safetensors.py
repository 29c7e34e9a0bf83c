"""Read and write ``.safetensors``: a JSON header with offsets, then the raw numbers.

Layout: https://github.com/huggingface/safetensors (README, "Format"): 8 bytes
little-endian header length, the JSON header, the data without holes.
Read here rather than with the package of that name so that every length is
checked against the file with our message, and bfloat16 needs no other framework.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from .arrays import element_count, widen_bf16
from .reading import Damaged, reading

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "|b1",
    "C64": "<c8",
}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items() if name != "BF16"}
MAX_HEADER = 100 << 20


def read_safetensors(path: str) -> dict[str, np.ndarray]:
    """All tensors of a file; bfloat16 as float32.

    Raises:
        CheckpointError: the file is damaged or has a type NumPy lacks.
    """
    return read_safetensors_with_metadata(path)[0]


def read_safetensors_with_metadata(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and the free text entries of the header."""
    with reading(path), open(path, "rb") as f:
        size = f.seek(0, 2)
        f.seek(0)
        length = int.from_bytes(f.read(8), "little")
        if size < 8 or length > min(MAX_HEADER, size - 8):
            raise Damaged("the header is longer than the file")
        header = json.loads(f.read(length).decode("utf-8"), object_pairs_hook=_unique)
        if not isinstance(header, dict):
            raise Damaged("the header is not a JSON object")
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise Damaged("__metadata__")
        start = 8 + length
        entries = sorted((_entry(name, value, size - start) for name, value in header.items()), key=lambda e: e[3:5])
        end = 0
        for entry in entries:
            if entry[3] != end:
                raise Damaged(f"tensor {entry[0][:60]} leaves a hole or overlaps another")
            end = entry[4]
        if end != size - start:
            raise Damaged(f"{size - start} bytes of data, the header describes {end}")
        arrays = {}
        for name, kind, shape, begin, end in entries:
            f.seek(start + begin)
            raw = f.read(end - begin)
            if len(raw) != end - begin:
                raise Damaged("the file became shorter while it was read")
            array = np.frombuffer(raw, _TYPES[kind]).reshape(shape)
            arrays[name] = widen_bf16(array) if kind == "BF16" else array
        return arrays, metadata


def _unique(pairs):
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Damaged("a name twice in the header")
    return result


def _entry(name: str, value: Any, available: int) -> tuple:
    if not isinstance(value, dict) or not {"dtype", "shape", "data_offsets"} <= set(value):
        raise Damaged(f"the entry of tensor {name[:60]}")
    kind, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise Damaged(f"tensor {name[:60]} has type {str(kind)[:20]}, known are {', '.join(_TYPES)}")
    need = element_count(shape) * np.dtype(_TYPES[kind]).itemsize
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(o) is int for o in offsets):
        raise Damaged(f"the offsets of tensor {name[:60]}")
    begin, end = offsets
    if not 0 <= begin <= end <= available or end - begin != need:
        raise Damaged(f"tensor {name[:60]} needs {need} bytes, its offsets {begin}..{end} lie in {available}")
    return name, kind, tuple(shape), begin, end


def write_safetensors(
    target: str | BinaryIO, tensors: Mapping[str, Any], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays (or Paddle tensors, bfloat16 ones as such).

    Args:
        target: a path, or a file opened for writing bytes.
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
    if isinstance(target, str) or hasattr(target, "__fspath__"):
        with open(target, "wb") as f:
            _write(f, text, entries)
    else:
        _write(target, text, entries)


def _write(f: BinaryIO, text: bytes, entries: list) -> None:
    f.write(len(text).to_bytes(8, "little"))
    f.write(text)
    for _, _, array in entries:
        f.write(array.tobytes())
