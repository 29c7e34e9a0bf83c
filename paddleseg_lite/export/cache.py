"""Where exports are kept between runs: by what the network computes, not by its name."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from dataclasses import is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import paddle

from .. import files
from ..files import make_folder
from ..version import __version__

_KEEP = 12  # networks; the least recently used go first
_NOT_SETTINGS = ("training", "_full_name", "_accel")  # do not change what is computed in eval mode
_CODE = ("models", "backbones", "layers", "graph", "export")  # what an export depends on


def cache_folder(network: paddle.nn.Layer, root: str | Path | None = None) -> Path:
    """The folder of a network's exports, made where it is missing; under ``root`` instead of the user's cache."""
    name = f"backends/{fingerprint(network)}"
    folder = make_folder(Path(root) / name) if root else files.cache_folder(name)  # marks it as used just now
    with contextlib.suppress(FileNotFoundError):  # another process prunes too
        _prune(folder.parent)
    return folder


def fingerprint(network: paddle.nn.Layer) -> str:
    """24 hex digits that change with the weights, the settings of any layer, this package's code or Paddle."""
    digest = hashlib.sha256(f"{__version__} {paddle.__version__} {_code()}".encode())
    for name, layer in network.named_sublayers(include_self=True):
        settings = {k: _plain(v) for k, v in vars(layer).items() if not k.startswith(_NOT_SETTINGS)}
        text = sorted((k, v) for k, v in settings.items() if v is not None)
        digest.update(f"{name} {type(layer).__module__}.{type(layer).__qualname__} {text}".encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.shape} {tensor.dtype}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:24]


def _plain(value: Any) -> str | None:
    """Text of a setting; ``None`` for what is not one (layers, tensors, hooks)."""
    if isinstance(value, (bool, int, float, str)) or is_dataclass(value):
        return repr(value)
    if isinstance(value, (list, tuple)) and value and all(_plain(v) is not None for v in value):
        return f"[{', '.join(_plain(v) for v in value)}]"
    return None


@lru_cache(maxsize=1)
def _code() -> str:
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for folder in _CODE:
        for file in sorted((package / folder).rglob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _prune(backends: Path) -> None:
    folders = sorted((f for f in backends.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
    for folder in folders[:-_KEEP]:
        shutil.rmtree(folder, ignore_errors=True)
