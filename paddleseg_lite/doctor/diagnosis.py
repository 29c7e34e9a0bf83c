"""The order of examination."""

from __future__ import annotations

import logging
import time

from ..config import Config
from ..data.building import build_datasets
from ..errors import UserError
from ..language import translate as _
from .datasets import examine_datasets
from .findings import Diagnosis
from .machine import examine_machine
from .rehearsal import rehearse

logger = logging.getLogger("paddleseg_lite")


def diagnose(
    config: Config, *, dry_run: bool = True, speed: bool = True, use_cache: bool = True, notes: bool = True
) -> Diagnosis:
    """Examine a recipe.

    Args:
        config: the resolved recipe.
        dry_run: one forward, loss and backward at the real batch and crop.
        speed: time the loader against the model, and say what is being done.
        notes: tell what a run will do differently from the recipe (the run itself tells it, too).
        use_cache: reuse what is known of files that have not changed since.
    """
    started = time.perf_counter()
    diagnosis = Diagnosis()
    try:
        train, val = build_datasets(config)
    except UserError as e:
        diagnosis.add("error", "data", str(e))
        train = None
    if train is not None:
        if speed:
            logger.info(_("looking at %d training and %d validation pictures"), len(train), len(val or ()))
        examine_datasets(diagnosis, config, train, val, use_cache=use_cache)
        if dry_run and diagnosis.ok:
            if speed:
                logger.info(_("rehearsing a training step of %d pictures"), config.batch_size)
            rehearse(diagnosis, config, train, speed=speed, notes=notes)
        examine_machine(diagnosis, config)
    diagnosis.sort()
    diagnosis.seconds = time.perf_counter() - started
    return diagnosis
