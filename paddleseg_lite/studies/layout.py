"""Where things lie in a study's folder: ``runs/<key>/`` per configuration, where key is the hash of the config.

A run folder holds ``config.yml``, ``log.txt``, ``metrics.jsonl``, checkpoints while it runs, and in the end
``result.json``. ``claim.lock`` is there while a study command has the run in hand, ``run.lock`` while it trains.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ..files import write_json
from .study import Run

RESULT = "result.json"
CLAIM = "claim.lock"


def run_folder(folder: Path, run: Run) -> Path:
    """Where a run lives."""
    return folder / "runs" / run.key


def read_result(folder: Path, run: Run) -> dict[str, Any] | None:
    """A run's ``result.json``; ``None`` when it has not ended, a failure when its variant cannot be built."""
    if run.error:
        return {"status": "failed", "reason": run.error}
    return result_in(run_folder(folder, run))


def result_in(target: Path) -> dict[str, Any] | None:
    """The ``result.json`` of a run folder; ``None`` where there is none, or nothing whole."""
    try:
        return json.loads((target / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_result(target: Path, result: dict[str, Any]) -> None:
    """``result.json``, whole or not at all."""
    write_json(target / RESULT, result)


def drop_weights(target: Path) -> None:
    """Delete the checkpoints of a run that is over."""
    for item in target.iterdir():
        if item.is_dir() and (item.name.startswith("iter_") or item.name == "best_model"):
            shutil.rmtree(item)
