"""Files that try to run something when read, in every format, and the pieces to build them from."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile

import numpy as np

from paddleseg_lite.weights import write_safetensors

GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden", "weights")

LEGACY_HEAD = b"".join(
    pickle.dumps(part, protocol=2)
    for part in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
)


class Calls:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


class Builds:
    """Pickles as a harmless object whose state holds the call."""

    def __init__(self, payload):
        self.payload = payload

    def __reduce__(self):
        return (np.dtype, ("f4",), (3, "<", None, None, None, -1, -1, self.payload))


def placements(payload) -> dict:
    """The payload at the places of a state dictionary where a careless check would not look."""
    good = np.ones(3, np.float32)
    return {
        "top": payload,
        "value": {"weight": good, "bias": payload},
        "nested": {"a": [({"b": (good, [payload])},)]},
        "tuple form": {"weight": ("linear_0.w_0", payload)},
        "name table": {"weight": good, "StructuredToParameterName@@": {"weight": payload}},
        "state of an object": {"weight": Builds(payload)},
        "object array": {"weight": np.array([payload], dtype=object)},
    }


def pickle_bytes(content, protocol: int) -> bytes:
    return pickle.dumps(content, protocol=protocol)


def torch_zip_bytes(data_pkl: bytes, storages: dict[str, bytes] | None = None, **kwargs) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **kwargs) as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        for key, raw in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", raw)
        archive.writestr("archive/version", b"3\n")
    return out.getvalue()


def torch_legacy_bytes(object_pickle: bytes) -> bytes:
    return LEGACY_HEAD + object_pickle + pickle.dumps([], protocol=2)


def npz_bytes(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, weight=array)
    return out.getvalue()


def tensor_program(
    storage: bytes, size: tuple, stride: tuple, offset: int = 0, kind: str = "Float", numel: int = 4, key: str = "0"
) -> bytes:
    """data.pkl of ``{"w": tensor}`` written by hand, so that its numbers may contradict each other."""

    def value(v):
        if isinstance(v, int):
            return b"\x8a\x08" + struct.pack("<q", v)
        if isinstance(v, str):
            return b"X" + struct.pack("<I", len(v)) + v.encode()
        return b"(" + b"".join(value(x) for x in v) + b"t"

    persistent = (
        b"("
        + value("storage")
        + b"ctorch\n"
        + kind.encode()
        + b"Storage\n"
        + value(key)
        + value("cpu")
        + value(numel)
        + b"tQ"
    )
    ordered = b"ccollections\nOrderedDict\n)R"
    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + persistent
        + value(offset)
        + value(size)
        + value(stride)
        + b"\x89"
        + ordered
        + b"tR"
    )
    return b"\x80\x02}" + value("w") + tensor + b"s."


def good_files(tmp_path) -> dict[str, bytes]:
    """One small valid file of each format."""
    files = {}
    for name in (
        "paddle26.pdparams",
        "paddle26.pdopt",
        "paddle26_protocol2.pdparams",
        "torch_zip.pth",
        "torch_legacy.pth",
    ):
        with open(os.path.join(GOLDEN, name), "rb") as f:
            files[name] = f.read()
    np.savez(tmp_path / "a.npz", a=np.arange(6.0).reshape(2, 3), b=np.ones(3, np.int32))
    write_safetensors(tmp_path / "a.safetensors", {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(3, np.int32)})
    for name in ("a.npz", "a.safetensors"):
        files[name] = (tmp_path / name).read_bytes()
    return files
