"""Trainings with a folder each: what is finished is passed over, what was begun goes on."""

from __future__ import annotations

import sys
from pathlib import Path

TRAIN = Path(__file__).resolve().parents[1] / "tools" / "train.py"


def finished(folder: Path) -> bool:
    """Whether the log of a run says so."""
    log = folder / "train.log"
    return log.is_file() and "done: best mIoU" in log.read_text(encoding="utf-8")


def training(folder: Path, config: str | Path, *, seed: int, threads: int) -> list[str]:
    """The command that begins a run, or goes on with it; options may follow."""
    command = [sys.executable, str(TRAIN), "--config", str(config), "--seed", str(seed), "--threads", str(threads)]
    command += ["--save_dir", str(folder), "--lang", "en"]
    return [*command, "--resume_model" if list(folder.glob("iter_*")) else "--overwrite"]
