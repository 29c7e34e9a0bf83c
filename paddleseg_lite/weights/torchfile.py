"""Read PyTorch's ``.pth`` / ``.pt`` state dictionaries without PyTorch, and without running them.

Two layouts: since 1.6 a zip archive (``NAME/data.pkl`` plus one uncompressed
member per storage), before that a row of pickles followed by the raw storages.
The pickle describes tensors as (storage, offset, size, stride), which are
rebuilt here in NumPy. bfloat16 has no NumPy type and becomes float32, exactly.
"""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any

import numpy as np

from .arrays import element_count, widen_bf16
from .pickle_table import Symbol
from .pickles import PickleReader, finished
from .reading import Damaged, Refused, reading

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    **{"Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "bf16", "ComplexFloat": "c8", "ComplexDouble": "c16"},
    **{"Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?"},
}
_DTYPES = """
    float64 double float32 float float16 half bfloat16 int64 long int32 int int16 short int8 uint8 bool
    complex64 complex128
"""


class Storage:
    """A row of numbers in the file, before it is read."""

    def __init__(self, kind: str, key: str, total: int, view: Any = None):
        if type(total) is not int or total < 0 or not isinstance(key, str):
            raise Damaged("a storage")
        self.kind, self.key, self.total = kind, key, total
        self.start, self.count = 0, total
        if view is not None:  # old files: (its own key, first, count) within the storage
            _, self.start, self.count = view
            whole = type(self.start) is type(self.count) is int
            if not whole or not 0 <= self.start <= self.start + self.count <= total:
                raise Damaged("a storage view")

    @property
    def itemsize(self) -> int:
        return 2 if self.kind == "bf16" else np.dtype(self.kind).itemsize


class TensorRef:
    """A tensor as the pickle describes it."""

    def __init__(self, args: tuple):
        storage, offset, size, stride = args[:4]
        if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
            raise Damaged("a tensor")
        self.count = element_count(size)
        element_count(stride)
        if len(size) != len(stride):
            raise Damaged("a tensor's strides")
        if self.count and offset + sum((n - 1) * s for n, s in zip(size, stride)) >= storage.count:
            raise Damaged("a tensor that reaches beyond its storage")
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)

    def build(self, row: np.ndarray) -> np.ndarray:
        """The tensor from its storage's numbers."""
        if self.count == 0:
            return np.zeros(self.size, np.float32 if self.storage.kind == "bf16" else row.dtype)
        strides = [s * row.itemsize for s in self.stride]
        first = row[self.storage.start + self.offset :]
        view = np.lib.stride_tricks.as_strided(first, self.size, strides, writeable=False)
        return widen_bf16(view) if self.storage.kind == "bf16" else np.ascontiguousarray(view).reshape(self.size)


def _tensor(args):
    if len(args) < 4:
        raise Damaged("a tensor")
    return TensorRef(args)


def _parameter(args):
    if not args or not isinstance(args[0], TensorRef):
        raise Damaged("a parameter")
    return args[0]


def _plain(args):
    return args[0] if len(args) == 1 else tuple(args)


def _uncallable(args):
    raise Damaged("a call of a type")


_TABLE: dict[str, Any] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _plain,
    "torch.device": _plain,
    **{f"torch.{name}Storage": _uncallable for name in _STORAGES},
    **{f"torch.{name}": _uncallable for name in _DTYPES.split()},
}


def _storage(identifier: Any) -> Storage:
    if not isinstance(identifier, tuple) or len(identifier) not in (5, 6) or identifier[0] != "storage":
        raise Refused("a persistent id that is not a tensor storage")
    _, symbol, key, _, count = identifier[:5]
    name = symbol.name if isinstance(symbol, Symbol) else ""
    kind = _STORAGES.get(name[len("torch.") : -len("Storage")]) if name.endswith("Storage") else None
    if kind is None:
        raise Refused(f"a storage of type {name or 'unknown'}")
    return Storage(kind, key, count, identifier[5] if len(identifier) == 6 else None)


class _Resolver:
    """Tensors from storages, within a budget: many large views of few bytes are refused."""

    def __init__(self, file_size: int, load):
        self.load, self.budget = load, 4 * file_size + (64 << 20)
        self.rows: dict[tuple[str, str], np.ndarray] = {}

    def __call__(self, node):
        if isinstance(node, TensorRef):
            storage = node.storage
            key = (storage.key, storage.kind)
            self._charge(node.count * max(4, storage.itemsize))
            if key not in self.rows:
                self._charge(storage.total * storage.itemsize)
                self.rows[key] = self.load(storage)
            if storage.total != len(self.rows[key]):
                raise Damaged("a storage of two sizes")
            return node.build(self.rows[key])
        return None if isinstance(node, Storage) else node

    def _charge(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise Damaged("tensors far larger than the file")


def _row(raw: bytes, storage: Storage, order: str = "<") -> np.ndarray:
    if len(raw) != storage.total * storage.itemsize:
        raise Damaged(f"storage {storage.key[:20]} has {len(raw)} bytes for {storage.total} values")
    row = np.frombuffer(raw, np.dtype("u2" if storage.kind == "bf16" else storage.kind).newbyteorder(order))
    return row if row.dtype.isnative else row.astype(row.dtype.newbyteorder("="))


def read_torch_zip(path: str) -> Any:
    """Plain content of a zip-format ``.pth`` (PyTorch 1.6 and later)."""
    with reading(path), zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise Damaged("no data.pkl in it")
        folder = pickles[0][: -len("data.pkl")]
        if any(name.startswith(folder + "code/") for name in members):
            raise Refused("TorchScript code (a program, not a state_dict)")
        size = os.path.getsize(path)

        def member(name: str, expected: int | None = None) -> bytes:
            info = members.get(folder + name)
            if info is None:
                raise Damaged(f"{name[:40]} is missing from the archive")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
                raise Damaged(f"{name[:40]} is compressed, which PyTorch never does")
            if expected is not None and info.file_size != expected:
                raise Damaged(f"{name[:40]} has {info.file_size} bytes instead of {expected}")
            return archive.read(info)

        order = ">" if folder + "byteorder" in members and member("byteorder").strip() == b"big" else "<"

        def load(storage: Storage) -> np.ndarray:
            return _row(member(f"data/{storage.key}", storage.total * storage.itemsize), storage, order)

        content = PickleReader(extra=_TABLE, persistent_load=_storage).read(io.BytesIO(member("data.pkl")))
        return finished(content, _Resolver(size, load))


def read_torch_legacy(path: str) -> Any:
    """Plain content of a ``.pth`` as PyTorch before 1.6 wrote it."""
    with reading(path):
        with open(path, "rb") as f:
            stream = io.BytesIO(f.read())
        if PickleReader().read(stream) != LEGACY_MAGIC or PickleReader().read(stream) != 1001:
            raise Damaged("not this format")
        info = PickleReader().read(stream)
        order = "<" if not isinstance(info, dict) or info.get("little_endian", True) else ">"
        storages: dict[str, Storage] = {}

        def persistent_load(identifier):
            storage = _storage(identifier)
            storages.setdefault(storage.key, storage)
            return storage

        content = PickleReader(extra=_TABLE, persistent_load=persistent_load).read(stream)
        rows = _legacy_rows(stream, storages, order)

        def load(storage: Storage) -> np.ndarray:
            return rows[storage.key]

        return finished(content, _Resolver(len(stream.getbuffer()), load))


def _legacy_rows(stream: io.BytesIO, storages: dict[str, Storage], order: str) -> dict[str, np.ndarray]:
    rows: dict[str, np.ndarray] = {}
    keys = PickleReader().read(stream)
    if not isinstance(keys, list):
        raise Damaged("the list of storages")
    for key in keys:
        count = int.from_bytes(stream.read(8), "little" if order == "<" else "big", signed=True)
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None or count != storage.total:
            raise Damaged("a storage that no tensor uses")
        rows[key] = _row(stream.read(storage.total * storage.itemsize), storage, order)
    return rows
