"""Writing ONNX files without the ``onnx`` package.

ONNX is protobuf, and writing protobuf takes three rules: a field is a key
``(number << 3 | kind)`` and a value; integers are varints; strings, arrays and
nested messages carry their length first. Field numbers are those of onnx.proto
(onnx/onnx, Apache-2.0 schema, stable since version 1).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

IR_VERSION = 8  # what came with operator set 17
OPSET = 17

DTYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
}


def varint(value: int) -> bytes:
    """Base-128 little-endian; negative numbers as 64-bit two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_int(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(int(value))


def field_bytes(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def field_float(number: int, value: float) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<f", value)


def tensor(name: str, array: np.ndarray) -> bytes:
    """TensorProto with the values as raw little-endian bytes."""
    array = np.asarray(array)
    head = b"".join(field_int(1, d) for d in array.shape) + field_int(2, DTYPES[array.dtype.name])
    data = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()
    return head + field_bytes(8, name) + field_bytes(9, data)


def attribute(name: str, value: Any) -> bytes:
    """AttributeProto: int, float, string, tensor, or a list of ints or floats."""
    head = field_bytes(1, name)
    if isinstance(value, (bool, int, np.integer)):
        return head + field_int(3, int(value)) + field_int(20, 2)
    if isinstance(value, (float, np.floating)):
        return head + field_float(2, float(value)) + field_int(20, 1)
    if isinstance(value, str):
        return head + field_bytes(4, value) + field_int(20, 3)
    if isinstance(value, np.ndarray):
        return head + field_bytes(5, tensor("", value)) + field_int(20, 4)
    if value and all(isinstance(v, float) for v in value):
        return head + b"".join(field_float(7, v) for v in value) + field_int(20, 6)
    return head + b"".join(field_int(8, int(v)) for v in value) + field_int(20, 7)


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], name: str, **attributes: Any) -> bytes:
    """NodeProto; an input named ``""`` is an optional one left out."""
    parts = [field_bytes(1, i) for i in inputs] + [field_bytes(2, o) for o in outputs]
    parts += [field_bytes(3, name), field_bytes(4, op_type)]
    parts += [field_bytes(5, attribute(k, v)) for k, v in attributes.items() if v is not None]
    return b"".join(parts)


def value_info(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    """ValueInfoProto; a side given as a string is free and carries that name."""
    sides = b"".join(field_bytes(1, field_bytes(2, s) if isinstance(s, str) else field_int(1, s)) for s in shape)
    tensor_type = field_int(1, DTYPES[dtype]) + field_bytes(2, sides)
    return field_bytes(1, name) + field_bytes(2, field_bytes(1, tensor_type))


def model(
    nodes: Sequence[bytes],
    initializers: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    *,
    name: str,
    producer_version: str,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """ModelProto."""
    graph = b"".join(
        [field_bytes(1, n) for n in nodes]
        + [field_bytes(2, name)]
        + [field_bytes(5, t) for t in initializers]
        + [field_bytes(11, v) for v in inputs]
        + [field_bytes(12, v) for v in outputs]
    )
    parts = [
        field_int(1, IR_VERSION),
        field_bytes(2, "paddleseg_lite"),
        field_bytes(3, producer_version),
        field_bytes(7, graph),
        field_bytes(8, field_bytes(1, "") + field_int(2, OPSET)),
    ]
    for key, value in (metadata or {}).items():
        parts.append(field_bytes(14, field_bytes(1, key) + field_bytes(2, value)))
    return b"".join(parts)
