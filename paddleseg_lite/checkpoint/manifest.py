"""``manifest.json``, the account a checkpoint gives of itself, and JSON that names its file where it is damaged."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..version import __version__
from ..weights.reading import Damaged, reading

FORMAT = 1
MODEL, OPTIMIZER, EMA = "model.pdparams", "optimizer.safetensors", "ema.safetensors"
STATE, CONFIG, MANIFEST = "state.json", "config.yml", "manifest.json"


def json_bytes(value: Any, what: str) -> bytes:
    try:
        return json.dumps(value, indent=1, ensure_ascii=False, default=_number).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as e:
        raise ValueError(f"a checkpoint's {what} must be plain numbers, texts, lists and dicts: {e}.") from e


def _number(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (tuple, Path)):
        return str(value)
    raise TypeError(f"{type(value).__name__} {str(value)[:60]!r}")


def json_object(path: Path) -> dict[str, Any]:
    with reading(str(path)):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise Damaged("not a JSON object")
        return content


def read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        what = "is a file, not a checkpoint" if folder.exists() else "there is no such checkpoint folder"
        raise CheckpointError(f"{folder}: {what}. Give the iter_N folder of a run.")
    if not path.is_file():
        hint = " It has model.pdparams: use that file as weights." if (folder / MODEL).is_file() else ""
        raise CheckpointError(f"{folder}: has no manifest.json, so it is no complete checkpoint.{hint}")
    manifest = json_object(path)
    with reading(str(path)):
        if manifest.get("sha256") != self_digest(manifest):
            raise Damaged("its own sha256 differs")
        if manifest["format"] != FORMAT:
            raise CheckpointError(
                f"{path}: has format {manifest['format']}, this version reads {FORMAT}. Update paddleseg_lite."
            )
        files = manifest["files"]
        if not {MODEL, STATE} <= set(files) <= {MODEL, OPTIMIZER, EMA, STATE, CONFIG}:
            raise Damaged("the list of files")
        if not all(type(f["size"]) is int and type(f["sha256"]) is str for f in files.values()):
            raise Damaged("the sizes of the files")
        if not isinstance(manifest["meta"], dict):
            raise Damaged("the entry meta")
    return manifest


def self_digest(manifest: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=True, default=_number)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def versions() -> dict[str, str]:
    import paddle

    return {
        "paddleseg_lite": __version__,
        "paddle": paddle.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
