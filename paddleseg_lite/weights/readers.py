"""``read_weights(path)``: any supported weights file as ``{name: array}``, without executing anything in it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import CheckpointError, nearest
from ..files import expanded
from .arrays import widen_bf16
from .npz import read_npz
from .pickles import read_pickle
from .safetensors import read_safetensors
from .torchfile import read_torch_legacy, read_torch_zip

_NAME_TABLE = "StructuredToParameterName@@"
_BIG_PARAMETERS = "UnpackBigParamInfor@@"  # how protocols 2 and 3 carry arrays over 4 GB
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params", "weights")
_LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

_READERS: dict[str, Callable[[str], Any]] = {
    "pickle": read_pickle,
    "torch_zip": read_torch_zip,
    "torch_legacy": read_torch_legacy,
    "safetensors": read_safetensors,
    "npz": read_npz,
}
_FOREIGN = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: run `git lfs pull`"),
    (b"\x89HDF", "an HDF5 (Keras) file: convert it to .npz first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\x93NUMPY", "a single .npy array: save named arrays with numpy.savez"),
    (b"\x00\x00\x00\x00\x00\x00\x00\x00", "Paddle inference parameters (.pdiparams): use the .pdparams of training"),
)


def sniff(path: str | os.PathLike) -> str:
    """The format of a file by its content: ``pickle`` (.pdparams, .pdopt), ``torch_zip``, ``torch_legacy``,
    ``safetensors`` or ``npz``.

    Raises:
        CheckpointError: missing, empty, or something else; the message says what it looks like.
    """
    path = _existing(path)
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as f:
            head = f.read(512)
    except OSError as e:
        raise CheckpointError(f"{path}: cannot be read ({e.strerror or e}).") from e
    if size == 0:
        raise CheckpointError(f"{path}: the file is empty. Copy or download it again.")
    if head.startswith(_LEGACY_TORCH):
        return "torch_legacy"
    if head[:4] == b"PK\x03\x04":
        return _sniff_zip(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b'{"error', b'{"message')):
        raise CheckpointError(
            f"{path}: is a web page or an error message of a server, not weights: the download went wrong. "
            "Open the address in a browser and save the file itself."
        )
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise CheckpointError(f"{path}: is {what}.")
    if len(head) > 8 and head[8:9] == b"{":
        return "safetensors"  # lengths are checked by its reader
    if path.lower().endswith((".pdparams", ".pdopt", ".pth", ".pt", ".pkl")):
        return "pickle"  # protocols 0 and 1 have no magic; the reader refuses what it does not know
    raise CheckpointError(
        f"{path}: is no weights file known here (.pdparams, .pdopt, .safetensors, .pth, .npz), or it is damaged "
        f"at its beginning (it starts with {head[:8].hex(' ')})."
    )


def _sniff_zip(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as e:  # zipfile raises many kinds on damaged directories
        raise CheckpointError(
            f"{path}: damaged or incomplete zip archive ({str(e)[:100]}). Copy or download it again."
        ) from e
    if any(name.endswith("/data.pkl") for name in names):
        return "torch_zip"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    raise CheckpointError(f"{path}: is a zip archive without weights that could be read. Unpack it first.")


def read_object(path: str | os.PathLike) -> Any:
    """Everything in a weights file as plain containers, numbers and arrays (``.pdopt``: also ``LR_Scheduler``)."""
    path = _existing(path)
    return _READERS[sniff(path)](path)


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays of a weights file by name.

    Args:
        path: a file of any format :func:`sniff` knows, or a checkpoint folder
            (its ``model.pdparams``).

    Returns:
        ``{name: array}``, arrays possibly read-only. bfloat16 comes as float32
        (exact). Values that are not arrays are left out. A state dictionary inside a larger
        training checkpoint (``state_dict``, ``model``, ...) is found, and the
        prefix ``module.`` of data-parallel training is removed. The
        ``master_weights`` of a ``.pdopt`` come as ``master_weights.NAME``.

    Raises:
        CheckpointError: missing, empty, damaged, refused, or without arrays.
    """
    path = _existing(path)
    form = sniff(path)
    content = _READERS[form](path)
    arrays = _arrays(content, path, paddle=form == "pickle")
    if arrays and all(name.startswith("module.") for name in arrays):
        arrays = {name[len("module.") :]: array for name, array in arrays.items()}
    return arrays


def _arrays(content: Any, path: str, *, paddle: bool) -> dict[str, np.ndarray]:
    content = _named_pair(content) or content
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a dictionary of arrays by name.")
    content = {key: value for key, value in content.items() if key != _NAME_TABLE}
    content = _join_big(content, path)
    found = {str(key): _array_of(value) for key, value in content.items()}
    found = {key: array for key, array in found.items() if array is not None}
    if not found:
        inner = _inner_state(content)
        if inner is None:
            raise CheckpointError(
                f"{path}: holds no arrays by name (top-level entries: "
                f"{', '.join(str(k)[:30] for k in list(content)[:5]) or 'none'})."
            )
        return _arrays(inner, path, paddle=paddle)
    master = content.get("master_weights")
    if isinstance(master, dict):
        for key, value in master.items():
            array = _array_of(value)
            if array is not None:
                found[f"master_weights.{key}"] = array
    if paddle:  # Paddle pickles bfloat16 as uint16 and has no uint16 of its own
        found = {k: widen_bf16(a) if a.dtype == np.uint16 else a for k, a in found.items()}
    return found


def _array_of(value: Any) -> np.ndarray | None:
    pair = _named_pair(value)
    if pair is not None:
        value = next(iter(pair.values()))
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "biufc" else None


def _named_pair(value: Any) -> dict | None:
    """Paddle pickles a single tensor as the tuple ``(name, array)``."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], np.ndarray):
        return {value[0]: value[1]}
    return None


def _inner_state(content: dict) -> dict | None:
    """The dictionary inside a training checkpoint that holds the network's arrays."""

    def holds_arrays(value):
        return isinstance(value, dict) and any(_array_of(v) is not None for v in value.values())

    for key in _WRAPPERS:
        if holds_arrays(content.get(key)):
            return content[key]
    candidates = [value for value in content.values() if holds_arrays(value)]
    return candidates[0] if len(candidates) == 1 else None


def _join_big(content: dict, path: str) -> dict:
    """Put arrays together that Paddle cut into slices (``UnpackBigParamInfor@@``)."""
    info = content.pop(_BIG_PARAMETERS, None)
    if info is None:
        return content
    try:
        for key, entry in info.items():
            slices = [content.pop(name) for name in entry["slices"]]
            content[key] = np.concatenate([np.ravel(s) for s in slices]).reshape(tuple(entry["OriginShape"]))
    except Exception as e:
        raise CheckpointError(f"{path}: damaged (the slices of a large array do not fit together).") from e
    return content


def _existing(path: str | os.PathLike) -> str:
    path = expanded(path)
    if path.is_dir():
        inner = path / "model.pdparams"
        if inner.is_file():
            return str(inner)
        raise CheckpointError(f"{path}: is a folder without model.pdparams. Give a weights file or a checkpoint.")
    if not path.is_file():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise CheckpointError(f"{path}: there is no such weights file.{nearest(path.name, siblings)}")
    return str(path)
