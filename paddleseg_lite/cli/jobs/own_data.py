"""``train --data FOLDER``: a recipe for a folder of data, as long as the machine can train in the minutes there are."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from ...config import load_config
from ...data.building import build_datasets
from ...doctor.findings import Diagnosis
from ...doctor.rehearsal import rehearse
from ...errors import ConfigError, UserError
from ...files import expanded, write_text
from ...interop.prepare.finish import RECIPE, Plan, head
from ...interop.prepare.own_recipe import plan_for
from ...interop.prepare.recipe import set_length
from ...language import translate as _
from .train import run_folder

logger = logging.getLogger("paddleseg_lite")

MINUTES = {False: 10.0, True: 60.0}  # on a GPU
VALIDATION = 0.15  # of the time, at most
FORWARD = 0.35  # of a training step
SHORTEST = 20  # iterations


def own_recipe(
    data: str, *, save_dir: str | None, overwrite: bool, minutes: float | None, iters: int | None, gpu: bool
) -> tuple[Path, Path]:
    """The recipe for a folder, written into a run folder; returns both.

    Args:
        data: the folder.
        save_dir: the run folder; ``output/NAME`` of the data by default, with a number where a run has been there.
        overwrite: whether the run folder may hold a run.
        minutes: of training; 10 unless given, 60 on a GPU.
        iters: iterations instead.

    Raises:
        ConfigError: the run folder holds a run, several processes, or a time that is none.
    """
    if minutes is not None and not 0 < minutes < 1e6:
        raise ConfigError(f"--minutes is a number above 0, but got {minutes}.")
    if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) > 1:
        raise ConfigError(
            "--data makes a recipe in one process: run it so first, then train several with its --config."
        )
    folder = expanded(data)
    here_before = save_dir is not None and Path(save_dir).exists()
    run, lock = run_folder(save_dir, folder.absolute().name, resume=False, overwrite=overwrite)
    with contextlib.ExitStack() as stack:
        if not here_before:
            stack.callback(remove_if_unused, run)
        stack.enter_context(lock or contextlib.nullcontext())
        made = plan_for(folder, run / "data", gpu=gpu)
        if iters is None:
            fit(made, run, 60 * (minutes or MINUTES[gpu]))
        else:
            set_length(made.choice.recipe, iters)
            made.choice.reasons.append(f"{iters} iterations, as asked for")
        write_text(run / RECIPE, head(made.choice) + made.text())
    logger.info(_("recipe %s:\n%s"), run / RECIPE, "\n".join(f"  {reason}" for reason in made.choice.reasons))
    return run / RECIPE, run


def remove_if_unused(run: Path) -> None:
    """Take a run folder away that holds nothing but its lock: the data could not be used."""
    with contextlib.suppress(OSError):
        if {path.name for path in run.iterdir()} <= {"run.lock"}:
            (run / "run.lock").unlink(missing_ok=True)
            run.rmdir()


def fit(made: Plan, run: Path, seconds: float) -> None:
    """Give a recipe the length that takes so many seconds on this machine, by timing its steps.

    A batch that does not fit into memory is halved first.

    Raises:
        UserError: a step fails for another reason.
    """
    recipe = made.choice.recipe
    while True:
        set_length(recipe, SHORTEST)
        write_text(run / RECIPE, made.text())
        config, diagnosis = load_config(run / RECIPE), Diagnosis()
        train = build_datasets(config)[0]
        rehearse(diagnosis, config, train)
        if diagnosis.ok:
            break
        if any(f.topic != "memory" for f in diagnosis.findings if f.level == "error") or recipe["batch_size"] < 2:
            raise UserError("\n".join(f"{f.what}: {f.fix}" for f in diagnosis.findings if f.level == "error"))
        recipe["batch_size"] //= 2
        made.choice.reasons.append(f"batches of {recipe['batch_size']}: more do not fit into memory")
    step, load = diagnosis.facts["step_seconds"], diagnosis.facts["loader_seconds_per_batch"]
    workers = diagnosis.facts.get("suggested_num_workers", 0)
    if workers:
        recipe["num_workers"] = workers
    pace = max(step, load / workers) if workers else step + load
    crop = next(t["crop_size"] for t in made.choice.train_transforms if t["type"] == "RandomPaddingCrop")
    shown = made.facts.height * made.facts.width * scale(made) ** 2 / (crop[0] * crop[1])
    look = made.facts.val * FORWARD * shown * step / recipe["batch_size"]  # seconds of a validation
    times = int(min(10, max(1, VALIDATION * seconds / max(look, 1e-9))))
    iters = max(SHORTEST, int((seconds - times * look) / pace))
    set_length(recipe, iters)
    recipe["save_interval"] = max(1, iters // times)
    made.choice.reasons.append(
        f"{iters} iterations: {seconds / 60:g} minutes at {pace:.2f} s each on this machine, with "
        + counted(times, "validation", "validations")
        + (f" and {counted(workers, 'loader process', 'loader processes')}" if workers else "")
    )


def counted(count: int, one: str, more: str) -> str:
    """``1 validation``, ``2 validations``."""
    return f"{count} {one if count == 1 else more}"


def scale(made: Plan) -> float:
    """How much smaller pictures are made."""
    limit = next((t["max_long"] for t in made.choice.val_transforms if t["type"] == "LimitLong"), None)
    return 1.0 if limit is None else min(1.0, limit / max(made.facts.height, made.facts.width))
