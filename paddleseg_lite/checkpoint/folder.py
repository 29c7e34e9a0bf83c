"""Checkpoints: everything a run needs to go on, in one folder that is complete or absent.

model.pdparams           parameters and buffers, Paddle's own format
optimizer.safetensors    accumulators by the structured name of their parameter
ema.safetensors          averaged weights, where there are any
state.json               counters, learning rate, seeds: what the trainer hands in
config.yml               the resolved config
manifest.json            size and sha256 of each file, versions, class names, metrics
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError
from ..files import expanded, file_hash
from ..weights.match import load_strict
from ..weights.readers import read_weights
from ..weights.safetensors import read_safetensors, write_safetensors
from ..weights.writers import write_pdparams
from .manifest import (
    CONFIG,
    EMA,
    FORMAT,
    MANIFEST,
    MODEL,
    OPTIMIZER,
    STATE,
    json_bytes,
    json_object,
    read_manifest,
    self_digest,
    versions,
)
from .optimizer_state import OptimizerState, collect_optimizer, unwrap
from .storage import Watch, whole_folder


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
    text = json_bytes({**state, "optimizer": collected.info if collected else None}, "state")
    manifest = {
        "format": FORMAT,
        "saved": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": versions(),
        "meta": dict(meta or {}),
    }
    json_bytes(manifest, "meta")
    weights = unwrap(model).state_dict()
    parts = (weights, collected.tensors if collected else {}, ema or {})
    need = sum(_bytes(tensor) for part in parts for tensor in part.values()) * 11 // 10 + (1 << 20)
    with whole_folder(folder, need=need, watch=watch) as writer:
        writer.write(MODEL, lambda f: write_pdparams(f, weights))
        if collected is not None:
            writer.write(OPTIMIZER, lambda f: write_safetensors(f, collected.tensors))
        if ema is not None:
            writer.write(EMA, lambda f: write_safetensors(f, ema))
        writer.write(STATE, lambda f: f.write(text))
        if config_text is not None:
            writer.write(CONFIG, lambda f: f.write(config_text.encode("utf-8")))
        manifest["files"] = dict(writer.files)
        manifest["sha256"] = self_digest(manifest)
        writer.write(MANIFEST, lambda f: f.write(json_bytes(manifest, "meta")))
    return Path(folder)


def _bytes(tensor: Any) -> int:
    size = 8 if "64" in str(tensor.dtype) else 4  # an upper bound for narrower types
    return int(np.prod(tensor.shape, dtype=np.int64)) * size


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
    folder = expanded(folder)
    manifest = read_manifest(folder)
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
    state = json_object(folder / STATE)
    if OPTIMIZER in manifest["files"] and not isinstance(state.get("optimizer"), dict):
        raise CheckpointError(f"{folder / STATE}: lacks the optimizer's part. Use an earlier checkpoint.")
    return Checkpoint(folder, manifest, state)
