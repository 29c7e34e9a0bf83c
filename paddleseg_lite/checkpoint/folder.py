"""Checkpoints: everything a run needs to go on, in one folder that is complete or absent.

model.pdparams           parameters and buffers, Paddle's own format
optimizer.safetensors    accumulators by the structured name of their parameter
ema.safetensors          averaged weights, where there are any
state.json               counters, learning rate, seeds: what the trainer hands in
config.yml               the resolved config
manifest.json            size and sha256 of each file, versions, class names, metrics
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..files import file_hash
from ..version import __version__
from ..weights.match import load_strict
from ..weights.readers import read_weights
from ..weights.reading import Damaged, reading
from ..weights.safetensors import read_safetensors, write_safetensors
from ..weights.writers import write_pdparams
from .optimizer_state import OptimizerState, collect_optimizer, restore_optimizer, unwrap
from .storage import FolderWriter, Watch, recover, remove_folder

__all__ = [
    "Checkpoint",
    "latest_first",
    "list_checkpoints",
    "load_checkpoint",
    "newest_good",
    "prune",
    "recover",
    "restore_optimizer",
    "save_checkpoint",
]

FORMAT = 1
MODEL, OPTIMIZER, EMA, STATE, CONFIG, MANIFEST = (
    "model.pdparams",
    "optimizer.safetensors",
    "ema.safetensors",
    "state.json",
    "config.yml",
    "manifest.json",
)
BEST = "best_model"
_ITER = re.compile(r"iter_(\d+)")


def save_checkpoint(
    folder: str | os.PathLike,
    *,
    model: Any,
    optimizer: Any = None,
    state: Mapping[str, Any],
    config_text: str | None = None,
    meta: Mapping[str, Any] | None = None,
    ema: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Path:
    """Write a checkpoint; a failure leaves what was there before.

    Args:
        folder: ``SAVE_DIR/iter_N`` or ``SAVE_DIR/best_model``; replaced if it exists.
        model: the network (a ``DataParallel`` wrapper is looked through).
        optimizer: with its learning rate and scheduler; None for weights alone.
        state: the trainer's own values, as JSON can hold them; ``optimizer`` is taken.
        config_text: content of ``config.yml``.
        meta: the entry ``meta`` of the manifest (``class_names``, ``num_classes``, ``metrics``).
        ema: averaged tensors by name.
        watch: called with the name of each step (for tests of interruption).

    Returns:
        The folder.

    Raises:
        CheckpointError: the disk is full or failed; nothing of the new checkpoint remains.
        ValueError: ``state`` or ``meta`` cannot be written as JSON.
    """
    if "optimizer" in state:
        raise ValueError("the key 'optimizer' of a checkpoint's state is taken.")
    collected = collect_optimizer(optimizer, model) if optimizer is not None else None
    text = _json({**state, "optimizer": collected.info if collected else None}, "state")
    manifest = {
        "format": FORMAT,
        "saved": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": _versions(),
        "meta": dict(meta or {}),
    }
    _json(manifest, "meta")
    weights = unwrap(model).state_dict()
    parts = (weights, collected.tensors if collected else {}, ema or {})
    need = sum(_bytes(tensor) for part in parts for tensor in part.values()) * 11 // 10 + (1 << 20)
    with FolderWriter(folder, need=need, watch=watch) as writer:
        writer.write(MODEL, lambda f: write_pdparams(f, weights))
        if collected is not None:
            writer.write(OPTIMIZER, lambda f: write_safetensors(f, collected.tensors))
        if ema is not None:
            writer.write(EMA, lambda f: write_safetensors(f, ema))
        writer.write(STATE, lambda f: f.write(text))
        if config_text is not None:
            writer.write(CONFIG, lambda f: f.write(config_text.encode("utf-8")))
        manifest["files"] = dict(writer.files)
        manifest["sha256"] = _self_digest(manifest)
        writer.write(MANIFEST, lambda f: f.write(_json(manifest, "meta")))
    return Path(folder)


@dataclass
class Checkpoint:
    """A checkpoint on disk; arrays are read when asked for.

    Attributes:
        folder: where it is.
        manifest: content of ``manifest.json``.
    """

    folder: Path
    manifest: dict[str, Any]
    _json_state: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def state(self) -> dict[str, Any]:
        """What the trainer handed in as ``state``."""
        return {key: value for key, value in self._json_state.items() if key != "optimizer"}

    @property
    def config_path(self) -> Path | None:
        """``config.yml``, where there is one."""
        return self.folder / CONFIG if CONFIG in self.manifest["files"] else None

    @property
    def meta(self) -> dict[str, Any]:
        """What the trainer handed in as ``meta``: class names, metrics."""
        return self.manifest["meta"]

    @property
    def has_optimizer(self) -> bool:
        """Whether training can go on from here."""
        return OPTIMIZER in self.manifest["files"]

    @cached_property
    def model_state(self) -> dict[str, np.ndarray]:
        """Parameters and buffers by structured name."""
        return read_weights(self.folder / MODEL)

    @cached_property
    def ema_state(self) -> dict[str, np.ndarray] | None:
        """Averaged weights by name, or None."""
        return read_safetensors(str(self.folder / EMA)) if EMA in self.manifest["files"] else None

    @cached_property
    def optimizer_state(self) -> OptimizerState | None:
        """State of the optimizer, or None where weights alone were saved."""
        if not self.has_optimizer:
            return None
        path = str(self.folder / OPTIMIZER)
        return OptimizerState(self._json_state["optimizer"], read_safetensors(path), source=path)

    def load_model(self, model: Any) -> None:
        """Fill ``model`` with the saved weights, all of them.

        Raises:
            CheckpointError: they do not fit it; see :func:`load_strict`.
        """
        load_strict(unwrap(model), self.model_state, source=str(self.folder))


def load_checkpoint(folder: str | os.PathLike, *, verify: bool = True) -> Checkpoint:
    """Open a checkpoint.

    Args:
        folder: as given to :func:`save_checkpoint`.
        verify: compare every file with its sha256 (sizes are always compared).

    Raises:
        CheckpointError: not a checkpoint, incomplete or damaged; the message names the file.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    for name, entry in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path}: is missing, so this checkpoint is incomplete. Use an earlier one.")
        try:
            size = path.stat().st_size
            intact = not verify or file_hash(path) == entry["sha256"]
        except OSError as e:
            raise CheckpointError(f"{path}: cannot be read ({e.strerror or e}). Use an earlier checkpoint.") from e
        if size != entry["size"]:
            raise CheckpointError(
                f"{path}: has {size} bytes where {entry['size']} were written, so this checkpoint is "
                "damaged. Use an earlier one."
            )
        if not intact:
            raise CheckpointError(
                f"{path}: its content changed after it was written (sha256 differs), so this "
                "checkpoint is damaged. Use an earlier one."
            )
    state = _read_json(folder / STATE)
    if OPTIMIZER in manifest["files"] and not isinstance(state.get("optimizer"), dict):
        raise CheckpointError(f"{folder / STATE}: lacks the optimizer's part. Use an earlier checkpoint.")
    return Checkpoint(folder, manifest, state)


def list_checkpoints(save_dir: str | os.PathLike) -> list[Path]:
    """The ``iter_N`` folders of a run, oldest first, whether good or not."""
    save_dir = Path(save_dir)
    found = [p for p in save_dir.iterdir() if _ITER.fullmatch(p.name) and p.is_dir()] if save_dir.is_dir() else []
    return sorted(found, key=lambda p: int(p.name[len("iter_") :]))


def latest_first(save_dir: str | os.PathLike) -> list[Path]:
    """Folders to resume from in order of preference: the newest ``iter_N`` first, ``best_model`` last."""
    best = Path(save_dir) / BEST
    return [*reversed(list_checkpoints(save_dir)), *([best] if best.is_dir() else [])]


def newest_good(save_dir: str | os.PathLike) -> tuple[Path | None, list[str]]:
    """The newest complete and undamaged checkpoint that training can go on from.

    Reads only; call :func:`recover` first where this process is the one that writes.

    Returns:
        The folder, or None where there is none, and a message for each newer one that was skipped.
    """
    problems = []
    for folder in latest_first(save_dir):
        try:
            checkpoint = load_checkpoint(folder)
        except CheckpointError as e:
            problems.append(str(e))
            continue
        if checkpoint.has_optimizer:
            return folder, problems
        if folder.name != BEST:
            problems.append(f"{folder}: holds weights without the optimizer.")
    return None, problems


def set_aside_later(save_dir: str | os.PathLike, iteration: int) -> list[Path]:
    """Move ``iter_N`` folders beyond ``iteration`` into ``abandoned_N/``: a resume from before them is another run.

    Left in place they would count as the newest, to be kept in place of what is saved from now on and resumed from.
    Returns where they are now.
    """
    later = [p for p in list_checkpoints(save_dir) if int(p.name[len("iter_") :]) > iteration]
    number = 1
    while (aside := Path(save_dir) / f"abandoned_{number}").exists():
        number += 1
    if later:
        aside.mkdir()
    return [folder.rename(aside / folder.name) for folder in later]


def iteration_of(folder: Path) -> int:
    """Iteration a checkpoint was saved at; -1 where there is none that can be read."""
    try:
        return int(_read_json(folder / "state.json")["iteration"])
    except (CheckpointError, OSError, KeyError, TypeError, ValueError):
        return -1


def prune(save_dir: str | os.PathLike, keep: int) -> list[Path]:
    """Delete the oldest ``iter_N`` folders beyond ``keep``; returns those deleted. ``best_model`` stays."""
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}: the newest checkpoint is what a resume starts from.")
    removed = list_checkpoints(save_dir)[:-keep]
    for folder in removed:
        try:
            remove_folder(folder)
        except OSError as e:
            raise CheckpointError(f"{folder}: cannot be deleted ({e.strerror or e}). Check its permissions.") from e
    return removed


# -- JSON ------------------------------------------------------------------------------------------


def _json(value: Any, what: str) -> bytes:
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


def _read_json(path: Path) -> dict[str, Any]:
    with reading(str(path)):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise Damaged("not a JSON object")
        return content


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        what = "is a file, not a checkpoint" if folder.exists() else "there is no such checkpoint folder"
        raise CheckpointError(f"{folder}: {what}. Give the iter_N folder of a run.")
    if not path.is_file():
        hint = " It has model.pdparams: use that file as weights." if (folder / MODEL).is_file() else ""
        raise CheckpointError(f"{folder}: has no manifest.json, so it is no complete checkpoint.{hint}")
    manifest = _read_json(path)
    with reading(str(path)):
        if manifest.get("sha256") != _self_digest(manifest):
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


def _self_digest(manifest: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=True, default=_number)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _versions() -> dict[str, str]:
    import paddle

    return {
        "paddleseg_lite": __version__,
        "paddle": paddle.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _bytes(tensor: Any) -> int:
    shape: Sequence[int] = tensor.shape
    size = 8 if "64" in str(tensor.dtype) else 4  # an upper bound for narrower types
    return int(np.prod(shape, dtype=np.int64)) * size
