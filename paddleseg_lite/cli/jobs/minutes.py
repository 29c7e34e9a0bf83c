"""``train --minutes N`` with a recipe: as many iterations as this machine does in that time."""

from __future__ import annotations

import logging
from typing import Any

from ...config import Config
from ...data.building import build_datasets
from ...doctor.findings import Diagnosis
from ...doctor.rehearsal import rehearse
from ...errors import ConfigError, UserError
from ...language import translate as _
from .own_data import FORWARD, SHORTEST, VALIDATION

logger = logging.getLogger("paddleseg_lite")


def length_in_minutes(config: Config, minutes: float) -> dict[str, Any]:
    """Overrides of a recipe (``iters``, ``save_interval``) that fill the minutes, by timing its steps.

    Raises:
        ConfigError: the minutes are none.
        UserError: a step fails.
    """
    if not 0 < minutes < 1e6:
        raise ConfigError(f"--minutes is a number above 0, but got {minutes}.")
    train, val = build_datasets(config)
    diagnosis = Diagnosis()
    rehearse(diagnosis, config, train, notes=False)
    if not diagnosis.ok:
        raise UserError("\n".join(f"{f.what}: {f.fix}" for f in diagnosis.findings if f.level == "error"))
    step, load = diagnosis.facts["step_seconds"], diagnosis.facts["loader_seconds_per_batch"]
    pace = config.accumulate * (max(step, load / config.num_workers) if config.num_workers else step + load)
    look = len(val or ()) * FORWARD * step / config.batch_size  # seconds of a validation
    seconds = 60 * minutes
    times = int(min(10, max(1, VALIDATION * seconds / max(look, 1e-9))))
    iters = max(SHORTEST, int((seconds - times * look) / max(pace, 1e-9)))
    logger.info(
        _("{} iterations: {:g} minutes at {:.2f} s each on this machine, with {} validations").format(
            iters, minutes, pace, times
        )
    )
    return {"iters": iters, "save_interval": max(1, iters // times)}
