"""A training session around :mod:`paddleseg_lite.training.trainer`: the run folder, the records, the exit status."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...checkpoint import list_checkpoints, recover
from ...config import Config
from ...data.building import files_of
from ...doctor import diagnose
from ...errors import ConfigError, UserError
from ...files import make_folder, write_json, write_text
from ...language import translate as _
from ...outputs import refuse_inputs
from ...training import callbacks as cb
from ...training.node_log import NodeLog
from ...training.run_lock import RunIsBusy, RunLock
from ...training.run_record import LogFile, Pictures, Results
from ...training.state import TrainResult
from ...training.trainer import Trainer
from ..parser import tell_next
from .replacing import FILES, REPLACED, Replaced, is_waiting, replacing, settle

logger = logging.getLogger("paddleseg_lite")

STATUS = {None: 0, "SIGINT": 130}


def run_training(
    config: Config,
    *,
    name: str,
    save_dir: str | None = None,
    resume: str | bool | None = None,
    overwrite: bool = False,
    use_vdl: bool = True,
    profile: str | None = None,
    doctor: bool = True,
    environment: dict[str, Any] | None = None,
    protected: Sequence[str | Path] = (),
) -> int:
    """Train a recipe in a run folder that explains itself.

    Args:
        protected: files that were read for it, and that nothing of the run may replace.

    Returns:
        The exit status: 0 when the run ended as planned or on SIGTERM, 130 on SIGINT.
    """
    folder, lock = run_folder(save_dir, name, resume=bool(resume), overwrite=overwrite)
    with contextlib.ExitStack() as stack:
        if lock is not None:
            stack.enter_context(lock)
        spare_inputs(folder, config, protected, resume=bool(resume))
        if lock is not None:
            if overwrite and not resume:
                stack.enter_context(replacing(folder))
            stack.enter_context(logged(folder / "train.log", anew=not resume))
        trainer = prepare_run(config, folder, lock, resume=resume, doctor=doctor, environment=environment)
        if trainer.rank == 0:
            trainer.callbacks += default_callbacks(config, folder, use_vdl=use_vdl, profile=profile)
            if is_waiting(folder):
                trainer.callbacks.append(Replaced(folder))
        parameters = sum(int(p.size) for p in trainer.model.parameters() if not p.stop_gradient)
        logger.info(
            _("%s, %s parameters; %d training and %d validation images; %d iterations of %d"),
            config.model["type"],
            f"{parameters:,}",
            len(trainer.train_dataset),
            len(trainer.val_dataset or ()),
            trainer.total_iters,
            config.batch_size * config.accumulate,
        )
        result = trainer.run()
        status = tell(result)
    if trainer.rank == 0 and status == 0 and not result.stopped_by:
        what_next(config, folder)
    return status


def what_next(config: Config, folder: Path) -> None:
    """The command for a finished run: its report, or pictures where it has nothing to be scored on."""
    run = ("--model_path", str(folder))
    if config.val_dataset is not None:
        tell_next("python", "tools/val.py", *run, "--report", str(folder / "report"))
    else:
        tell_next("python", "tools/infer.py", *run, "--image_path", "my_photos/")


@contextlib.contextmanager
def logged(path: Path, *, anew: bool) -> Iterator[None]:
    """Everything that is said also goes to a file."""
    if anew:
        write_text(path, "")
    handler, level = LogFile(path), logger.level
    logger.addHandler(handler)
    if level == logging.NOTSET:  # called from Python: what is above us is as Paddle left it, 2.6 at warnings
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def prepare_run(
    config: Config,
    folder: Path,
    lock: RunLock | None,
    *,
    resume: str | bool | None,
    doctor: bool,
    environment: dict[str, Any] | None,
) -> Trainer:
    """The trainer, ready to run, in a folder that describes the run."""
    logger.info(_("run folder: %s\n%s"), folder, config.to_yaml())
    if lock is not None and not resume:
        describe(folder, config, environment)
        if doctor:
            examine(config, folder)
    trainer = Trainer(config, folder, lock=lock)
    pictures = [*files_of(trainer.train_dataset), *files_of(trainer.val_dataset)]
    refuse_inputs([folder / "samples" / "training_batch.png"], pictures, "--save_dir")
    if resume:
        trainer.resume(None if resume is True else resume)
        if lock is not None:
            describe(folder, config, environment)  # only now: a recipe that does not fit must not replace the run's own
    return trainer


def tell(result: TrainResult) -> int:
    """The last line of a training, which says what has become of it; returns the exit status."""
    best = _("best mIoU {:.4f} at iteration {}; ").format(result.best_miou, result.best_iter)
    score = best if result.best_iter else ""
    if result.unsaved:
        end = f"stopped ({result.stopped_by})" if result.stopped_by else "ended"
        logger.error(
            "%s at iteration %d, but NOT SAVED: %s; %srun folder %s%s",
            end,
            result.iteration,
            "; ".join(result.unsaved),
            score,
            result.save_dir,
            ", where the run that was there before is back" if is_waiting(result.save_dir) else "",
        )
        return STATUS.get(result.stopped_by) or 1
    if result.stopped_by:
        logger.info(_("stopped: %s; go on with --resume_model --save_dir %s"), result.stopped_by, result.save_dir)
    else:
        logger.info(_("done: %srun folder %s"), score, result.save_dir)
    return STATUS.get(result.stopped_by, 0)


def spare_inputs(folder: Path, config: Config, protected: Sequence[str | Path], *, resume: bool) -> None:
    """Refuse to write over what is not the run's own.

    Raises:
        ConfigError: a file of the run would replace one that was given, or a ``config.yml`` that no run has written.
    """
    own = folder / "config.yml"
    outputs = [folder / name for name in (*FILES, "run.lock")]
    text = own.read_bytes() if own.is_file() else None
    if text is not None and text != config.to_yaml().encode("utf-8") and not resume:
        if not (folder / "env.json").is_file():
            raise ConfigError(
                f"{own} was written by no run, and this one would replace it: move it, or choose another --save_dir."
            )
        outputs.append(own)
    refuse_inputs(outputs, protected, "--save_dir")


def describe(folder: Path, config: Config, environment: dict[str, Any] | None) -> None:
    """``config.yml`` and ``env.json`` of the run."""
    write_json(folder / "env.json", environment or {})  # first: it says whose config.yml there is
    write_text(folder / "config.yml", config.to_yaml())


def examine(config: Config, folder: Path) -> None:
    """Step 0: the doctor. What would make the run fail or mean nothing ends it here.

    Raises:
        UserError: the findings with their fixes.
    """
    diagnosis = diagnose(config, speed=False, notes=False)
    write_json(folder / "doctor.json", diagnosis.to_dict())
    if not diagnosis.ok:
        raise UserError(_("the run was not started (--no_doctor starts it anyway):\n{}").format(diagnosis.text()))
    logger.info(_("doctor: %s"), diagnosis.text() if diagnosis.findings else diagnosis.verdict)


def default_callbacks(config: Config, folder: Path, *, use_vdl: bool, profile: str | None) -> list[cb.Callback]:
    """What every run has, and what it asks for."""
    chosen: list[cb.Callback] = [cb.TrainLog(progress=sys.stderr.isatty()), cb.MetricsFile(folder / "metrics.jsonl")]
    chosen += [Results(folder), Pictures(folder / "samples")]
    if use_vdl:
        vdl = cb.VisualDLLog(folder / "vdl")
        chosen += [vdl, NodeLog(vdl)]
    if config.early_stop_intervals:
        chosen.append(cb.EarlyStop(config.early_stop_intervals))
    if profile:
        chosen.append(cb.Profile(profile, folder / "profile"))
    return chosen


def run_folder(save_dir: str | None, name: str, *, resume: bool, overwrite: bool) -> tuple[Path, RunLock | None]:
    """The folder of this run and its lock (of the one process that writes there); never another run's folder.

    Raises:
        ConfigError: a run has been there.
        RunIsBusy: one is there now.
    """
    first = os.environ.get("PADDLE_TRAINER_ID", "0") == "0"  # rank 0 alone writes
    anew = not (resume or overwrite)
    if save_dir is not None:
        folder = Path(save_dir)
        lock = taken(make_folder(folder)) if first else None
        if anew and list_checkpoints(folder):
            if lock is not None:
                lock.release()
            raise ConfigError(
                f"{folder} already holds a run. Go on with it (--resume_model), start anew in it (--overwrite), "
                "or choose another --save_dir."
            )
        return folder, lock
    number = 1
    while True:
        folder = Path("output") / (name if number == 1 else f"{name}-{number}")
        number += 1
        if anew and (list_checkpoints(folder) or (folder / "metrics.jsonl").exists() or (folder / REPLACED).exists()):
            continue
        try:
            return make_folder(folder), taken(folder) if first else None
        except RunIsBusy:
            if not anew:
                raise


def taken(folder: Path) -> RunLock:
    """The lock of a run folder, ours; what a crash in the middle of a save or of a replacement left is put right."""
    lock = RunLock(folder)
    lock.acquire()
    for line in recover(folder):
        logger.warning("%s", line)
    if is_waiting(folder):
        logger.warning(_("a run that was to replace the one in %s has saved nothing: the older one is back"), folder)
    settle(folder)
    return lock
