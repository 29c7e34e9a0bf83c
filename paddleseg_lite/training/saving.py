"""What a training leaves on disk, what of it could not be written, and how it is taken up again."""

from __future__ import annotations

import functools
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checkpoint import (
    iteration_of,
    load_checkpoint,
    newest_good,
    prune,
    recover,
    restore_optimizer,
    save_checkpoint,
    set_aside_later,
)
from ..data.likeness import picture_statistics
from ..errors import CheckpointError
from ..language import translate as _
from ..weights.reading import reading
from .log_window import checked_state
from .run_lock import RunLock
from .state import TrainState

if TYPE_CHECKING:
    from .trainer import Trainer

logger = logging.getLogger("paddleseg_lite")

BEST, LAST = "best_model", "the last checkpoint"


class Saver:
    """Writes the checkpoints of a trainer; rank 0 alone, and only while the run folder is its own.

    Attributes:
        lost: checkpoints that are not on disk as they should be, with the reason; taken off once they are.
        records: callbacks that could not write, with the reason.
    """

    def __init__(self, trainer: Trainer, lock: RunLock | None):
        self.trainer, self.folder = trainer, trainer.save_dir
        self.lock, self._own = lock or RunLock(self.folder), lock is None
        self.lost: dict[str, str] = {}
        self.records: dict[Any, str] = {}

    def claim(self) -> None:
        """Make the run folder ours, and put right what a crash in the middle of a save left behind.

        Raises:
            RunIsBusy: another run has it.
        """
        if self.trainer.rank == 0 and not self.lock.held:
            self.lock.acquire()
            for line in recover(self.folder):
                logger.warning("%s", line)

    def release(self) -> None:
        """Let others have the run folder, unless the lock is the caller's."""
        if self._own:
            self.lock.release()

    def unsaved(self) -> tuple[str, ...]:
        """What a good run would have on disk and this one has not, each with its reason."""
        trainer, state = self.trainer, self.trainer.state
        if trainer.rank != 0:
            return ()
        lost = dict(self.lost)
        if state.best_iter and iteration_of(self.folder / BEST) != state.best_iter:
            lost.setdefault(BEST, f"it is not that of iteration {state.best_iter}")
        records = {callback.record: why for callback, why in self.records.items() if not callback.complete()}
        return tuple(f"{name} ({why.rstrip('.')})" for name, why in {**lost, **records}.items())

    def checkpoint(self, window: dict | None) -> bool:
        """``iter_N``, and older ones deleted; ``window``: see :meth:`.log_window.LogWindow.state`."""
        saved = self._save(f"iter_{self.trainer.state.iteration}", with_optimizer=True, window=window)
        if saved and self.trainer.rank == 0:
            try:
                prune(self.folder, keep=self.trainer.config.keep_checkpoint_max)
            except CheckpointError as e:
                logger.warning("an old checkpoint stays: %s Training goes on.", e)
        return saved

    def best(self, scores) -> None:
        """``best_model``: the weights alone, averaged where the run averages."""
        self._save(BEST, with_optimizer=False, metrics=scores)

    def _save(self, name: str, *, with_optimizer: bool, metrics=None, window: dict | None = None) -> bool:
        """Write a checkpoint; a failure is loud but does not end the run, the last good one stays."""
        trainer = self.trainer
        if trainer.rank != 0:
            return True
        self.lock.check()
        state = {
            **asdict(trainer.state),
            "seed": trainer.config.seed,
            "total_iters": trainer.total_iters,
            "precision": trainer.precision.state_dict(),
            "ema_steps": trainer.ema.steps if trainer.ema is not None else 0,
            "window": window or {},
        }
        dataset = trainer.train_dataset
        meta = {
            "class_names": list(dataset.class_names),
            "palette": np.asarray(dataset.palette).tolist(),
            "num_classes": dataset.num_classes,
            "ignore_index": dataset.ignore_index,
            "pictures": self.pictures,
            "metrics": metrics.as_dict(dataset.class_names) if metrics is not None else {},
        }
        kind = BEST if name == BEST else LAST
        try:
            save_checkpoint(
                self.folder / name,
                model=trainer.model,
                optimizer=trainer.optimizer if with_optimizer else None,
                state=state,
                config_text=trainer.config.to_yaml(),
                meta=meta,
                ema=trainer.ema.shadow if trainer.ema is not None and with_optimizer else None,
            )
        except (CheckpointError, OSError) as e:
            logger.error("CHECKPOINT NOT SAVED: %s Training goes on.", e)
            self.lost[kind] = str(e)
            return False
        self.lost.pop(kind, None)
        return True

    @functools.cached_property
    def pictures(self) -> dict[str, Any] | None:
        """What the training pictures look like, so that prediction can tell of others."""
        found = picture_statistics(self.trainer.train_dataset)
        return None if found is None else found.to_dict()

    def after_error(self, window: dict | None) -> str | None:
        """Save what an error would lose; returns what to tell of it, None where there is nothing to save."""
        trainer, iteration = self.trainer, self.trainer.state.iteration
        if trainer.rank != 0 or iteration == 0 or not self.lock.held:
            return None
        path = self.folder / f"iter_{iteration}"
        if not path.is_dir() and not self._save(path.name, with_optimizer=True, window=window):
            return f"The progress could NOT be saved: {self.lost[LAST]}"
        return f"The progress is saved in {path}: go on with --resume_model --save_dir {self.folder}."

    def resume(self, folder: str | Path | None) -> None:
        """See :meth:`.trainer.Trainer.resume`."""
        trainer = self.trainer
        self.claim()
        if folder is None:
            folder, problems = newest_good(self.folder)
            for problem in problems:
                logger.warning("skipping a damaged checkpoint: %s", problem)
            if folder is None:
                detail = f" Damaged: {'; '.join(problems)}" if problems else ""
                raise CheckpointError(
                    f"there is no checkpoint to resume from in {self.folder}. Start without --resume_model, or name "
                    f"the run with --save_dir.{detail}"
                )
        checkpoint = load_checkpoint(Path(folder))
        saved, source = checkpoint.state, str(checkpoint.folder / "state.json")
        state = TrainState.restored(saved, source)
        if saved.get("total_iters") != trainer.total_iters:
            logger.warning(
                "the checkpoint was made for %s iterations, this run has %d: the learning-rate curve changes.",
                saved.get("total_iters"),
                trainer.total_iters,
            )
        checkpoint.load_model(trainer.model)
        if checkpoint.optimizer_state is None:
            raise CheckpointError(f"{folder} holds weights only and cannot be resumed; use an iter_N folder.")
        restore_optimizer(trainer.optimizer, trainer.model, checkpoint.optimizer_state)  # and the learning rate
        if trainer.ema is not None and checkpoint.ema_state is None:
            raise CheckpointError(f"{folder} has no averaged weights; resume it without --use_ema.")
        with reading(source):
            trainer.precision.load_state_dict(saved.get("precision", {}))
            if trainer.ema is not None:
                trainer.ema.load(checkpoint.ema_state, saved["ema_steps"])
            trainer.window_state = checked_state(saved.get("window"))
        trainer.state = state
        self._leave_later_checkpoints()
        logger.info(_("resumed from %s at iteration %d"), folder, trainer.state.iteration)

    def _leave_later_checkpoints(self) -> None:
        """Those of the branch that a resume from an older checkpoint gives up."""
        state = self.trainer.state
        moved = set_aside_later(self.folder, state.iteration) if self.trainer.rank == 0 else []
        if moved:
            logger.warning(
                "later than the checkpoint resumed from, moved to %s: %s",
                moved[0].parent,
                ", ".join(p.name for p in moved),
            )
        if state.best_iter and iteration_of(self.folder / BEST) != state.best_iter:  # of that branch, or never saved
            logger.warning(
                "best_model is not that of iteration %d: the next validation counts as the best.", state.best_iter
            )
            state.best_miou, state.best_iter = TrainState.best_miou, TrainState.best_iter
