"""Which checkpoints a run has, which of them can be gone on from, and which stay."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import CheckpointError
from .folder import load_checkpoint
from .manifest import STATE, json_object
from .storage import remove_folder

BEST = "best_model"
_ITER = re.compile(r"iter_(\d+)")


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
        return int(json_object(folder / STATE)["iteration"])
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
