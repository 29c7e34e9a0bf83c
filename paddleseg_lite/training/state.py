"""The counters of a training, and how one ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import CheckpointError


@dataclass
class TrainState:
    """The counters of a run; saved in every checkpoint."""

    iteration: int = 0  # optimizer updates done
    best_miou: float = -1.0
    best_iter: int = 0
    stale_evals: int = 0  # validations since the best one
    skipped_steps: int = 0  # updates left out under nan_policy: skip

    @classmethod
    def restored(cls, saved: Mapping[str, Any], source: str) -> TrainState:
        """The counters that a checkpoint holds.

        Raises:
            CheckpointError: one is missing or is no such number; ``source`` names the file.
        """
        values = {}
        for entry in fields(cls):
            value = saved.get(entry.name)
            whole = type(value) is int and value >= 0
            if not whole and not (entry.name == "best_miou" and type(value) in (int, float)):
                raise CheckpointError(
                    f"{source}: '{entry.name}' is {str(value)[:40]!r}, not a number that a training counts with. "
                    "Resume from another checkpoint."
                )
            values[entry.name] = value
        return cls(**values)


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        stopped_by: why it ended early; None: it ran to its end.
        unsaved: what is not on disk as it should be, each with its reason; empty after a good run.
        best_iter: 0 where nothing was validated; ``best_miou`` means nothing then.
    """

    save_dir: Path
    iteration: int
    best_miou: float
    best_iter: int
    stopped_by: str | None
    unsaved: tuple[str, ...] = ()
