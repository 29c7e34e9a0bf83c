"""Training: one loop. Everything optional is a callback beside it (see :mod:`.callbacks`)."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..config import Config
from ..data import train_batches
from ..data.building import build_datasets
from ..errors import EnvironmentProblem, UserError
from ..files import expanded
from ..inference.backend import PaddleBackend
from ..inference.evaluation import Evaluation, evaluate
from ..layers import keep_statistics, running_statistics
from ..optim.ema import EMA
from ..runtime import tidy_memory
from . import parallel
from .callbacks import Callback
from .log_window import LogWindow
from .number_guard import NumbersGuard
from .parts import build_parts
from .run_lock import RunLock
from .saving import Saver
from .seeds import reseed
from .signals import stop_signals
from .state import TrainResult, TrainState

logger = logging.getLogger("paddleseg_lite")


class Trainer:
    """Builds everything a recipe names and runs the loop.

    Args:
        config: the resolved recipe.
        save_dir: the run folder.
        callbacks: beside the loop, in order.
        lock: of the run folder, where the caller has it; else it is taken by :meth:`resume` or :meth:`run`.
    """

    def __init__(
        self, config: Config, save_dir: str | Path, *, callbacks: Sequence[Callback] = (), lock: RunLock | None = None
    ):
        self.config, self.save_dir, self.callbacks = config, expanded(save_dir), list(callbacks)
        self.rank, self.world_size = parallel.start()
        self.train_dataset, self.val_dataset = build_datasets(config)
        looked_at = len(self.val_dataset or ()) if config.do_eval else 0
        parts = build_parts(
            config, self.train_dataset, val_images=looked_at, rank=self.rank, world_size=self.world_size
        )
        self.model, self.criterion, self.sampler = parts.model, parts.criterion, parts.sampler
        self.steps_per_epoch, self.total_iters = parts.steps_per_epoch, parts.total_iters
        self.save_interval, self.options = parts.save_interval, parts.options
        self.optimizer, self.lr, self.precision, self.ema = parts.optimizer, parts.lr, parts.precision, parts.ema
        unused = [name for name, entry in self.criterion.entries.items() if entry.loss is None]
        self.network = parallel.wrap(self.model, self.world_size, unused=unused)
        self.guard = NumbersGuard(config.nan_policy, self.save_dir)
        self.state = TrainState()
        self._stop_asked: str | None = None  # of this rank
        self._stop_reason: str | None = None  # of all: ranks that end their loops at different steps wait for ever
        self._put_back: Callable[[], None] | None = _nothing  # undoes the step under way; None: nothing can
        self.window_state: dict = {}  # of the checkpoint resumed from
        self.saver = Saver(self, lock)

    # -- the loop ------------------------------------------------------------------------------------------

    def run(self) -> TrainResult:
        """Train from ``self.state.iteration`` to the end, a stop signal, or an error.

        An error of a sample, a loader or the machine is raised once what has been learned is saved.

        Raises:
            RunIsBusy: another run has the folder.
        """
        self.saver.claim()
        try:
            return self._run()
        finally:
            self.saver.release()

    def _run(self) -> TrainResult:
        config, state = self.config, self.state
        if state.iteration == 0:
            self._initialise_context()
        self.save_dir.mkdir(parents=True, exist_ok=True)
        self._tell("on_start")
        window = LogWindow(config.batch_size * config.accumulate, state.iteration, self.world_size)
        window.restore(self.window_state)
        batches = iter(
            train_batches(
                self.train_dataset,
                self.sampler,
                seed=config.seed,
                num_workers=config.num_workers,
                start_iter=state.iteration * config.accumulate,
                stop_iter=self.total_iters * config.accumulate,
            )
        )
        try:
            with stop_signals(self.request_stop):
                self.network.train()
                first = state.iteration
                while state.iteration < self.total_iters and self._stop_reason is None:
                    self._step(batches, window)
                    self._after_step(window)
                    tidy_memory(state.iteration - first)
                if self._stop_reason is not None and state.iteration % self.save_interval:
                    self.saver.checkpoint(window.state())
        except Exception as e:
            self._save_before_raising(e, window)
            raise
        finally:
            self._tell("on_end", self._result())
        return self._result()  # on_end may have lost something, or written what was missing

    def _result(self) -> TrainResult:
        state = self.state
        return TrainResult(
            self.save_dir, state.iteration, state.best_miou, state.best_iter, self._stop_reason, self.saver.unsaved()
        )

    def _save_before_raising(self, error: Exception, window: LogWindow) -> None:
        """Save what the error would lose, and say so in its message; not from the middle of an update."""
        if self._put_back is None:
            return
        self._put_back()
        told = self.saver.after_error(window.state() if self.world_size == 1 else None)
        if told is None:
            return
        if isinstance(error, UserError):
            raise type(error)(f"{error} {told}") from error
        logger.error("%s", told)

    def _step(self, batches, window: LogWindow) -> None:
        """One optimizer update from ``accumulate`` batches."""
        config = self.config
        reseed(config.seed, self.state.iteration + 1, self.rank)
        self.guard.begin(self.model)
        self._put_back = keep_statistics(self.model) if config.accumulate > 1 else _nothing
        window.mark()
        for micro in range(config.accumulate):
            asked = time.perf_counter()
            batch = next(batches)
            window.waited(time.perf_counter() - asked)
            if config.accumulate == 1:
                self._put_back = None
            hold = micro + 1 < config.accumulate and self.world_size > 1
            with self.network.no_sync() if hold else contextlib.nullcontext():
                with self.precision.autocast():
                    outputs = self.network(batch["image"])
                    total, parts = self.criterion(outputs, batch)
                self.precision.scale(total / config.accumulate).backward()
            window.add_loss(total, parts)
            self.guard.saw(batch, total)
        good = self.guard.check(self, batch)
        self._put_back = None
        if good:
            window.grad_norm = self.guard.grad_norm
            self.precision.step(self.optimizer)
        else:
            self.state.skipped_steps += 1
        self.optimizer.clear_grad(set_to_zero=False)  # else they stay where the next step needs room for its maps
        self.lr.step()
        self.state.iteration += 1
        if self.ema is not None and good:
            self.ema.update()
        self._put_back = _nothing
        window.mark()

    def _after_step(self, window: LogWindow) -> None:
        state, config = self.state, self.config
        self._tell("on_step")
        last = state.iteration == self.total_iters
        self._agree_on_stop()
        if state.iteration % config.log_iters == 0 or last:
            info = window.flush(
                iteration=state.iteration,
                lr=float(self.optimizer.get_lr()),
                total=self.total_iters,
                epoch=(state.iteration - 1) // self.steps_per_epoch + 1,
            )
            self._tell("on_log", info)
        if state.iteration % self.save_interval == 0 or last:
            started = time.perf_counter()
            if config.do_eval and self.val_dataset is not None:
                self.validate()
            self.saver.checkpoint(window.state())
            window.pause(time.perf_counter() - started)
            self._agree_on_stop()  # asked for by the validation (early stop), or by a signal in the meantime

    def _tell(self, event: str, *arguments) -> None:
        """Call a hook of every callback; a record that cannot be written (disk full) never ends the run."""
        for callback in self.callbacks:
            try:
                getattr(callback, event)(self, *arguments)
            except (OSError, EnvironmentProblem) as e:
                if event == "on_start":
                    raise  # nothing is lost yet
                logger.error("%s NOT WRITTEN: %s. Training goes on.", callback.record, str(e).rstrip("."))
                self.saver.records[callback] = str(e)

    def request_stop(self, reason: str) -> None:
        """Ask for a stop after the step that is under way."""
        self._stop_asked = self._stop_asked or reason

    def _agree_on_stop(self) -> None:
        self._stop_reason = parallel.agree_on_stop(self._stop_asked, self.world_size)

    # -- validation and checkpoints ------------------------------------------------------------------------

    def validate(self) -> Evaluation:
        """Score the (averaged) weights on the validation set; keep the best."""
        config = self.config
        with self.ema.applied() if self.ema is not None else contextlib.nullcontext():
            # else each rank scores its images with its own
            parallel.broadcast(running_statistics(self.model), self.world_size)
            self.model.eval()
            evaluation = evaluate(
                PaddleBackend.as_trained(self.model, config.precision, config.amp_level),
                self.val_dataset,
                options=self.options,
                loss=self.criterion.main,
                num_workers=config.num_workers,
                convention=config.miou_convention,
                rank=self.rank,
                world_size=self.world_size,
            )
            self.model.train()
            evaluation = parallel.merge_evaluation(evaluation, config.miou_convention, self.world_size)
            state, miou = self.state, float(evaluation.scores.mIoU)
            is_best = miou > state.best_miou
            if is_best:
                state.best_miou, state.best_iter, state.stale_evals = miou, state.iteration, 0
            else:
                state.stale_evals += 1
            with self.precision.autocast():  # callbacks show predictions
                self._tell("on_eval", evaluation, is_best)
            if is_best:
                self.saver.best(evaluation.scores)
        return evaluation

    def resume(self, folder: str | Path | None) -> None:
        """Go on from a checkpoint; ``None`` means the newest good one in the run folder.

        Raises:
            CheckpointError: there is none, or it does not fit this recipe.
            RunIsBusy: the run is alive.
        """
        self.saver.resume(folder)

    def _initialise_context(self) -> None:
        from ..graph.initialise import initialise_contexts, kmeans_units

        if not self.config.init_context:
            if self.rank == 0 and (units := kmeans_units(self.model)):
                logger.warning(
                    "%s has init: kmeans, but its anchors stay as they are (random, unless loaded): set "
                    "init_context: true in the recipe.",
                    next(iter(units)),
                )
            return
        batches = train_batches(self.train_dataset, self.sampler, seed=self.config.seed, stop_iter=4)
        with self.precision.autocast():
            initialise_contexts(self.model, [b["image"] for b in batches], seed=self.config.seed)
        parallel.broadcast(self.model.state_dict().values(), self.world_size)  # each rank has clustered its own batches
        if self.ema is not None:
            self.ema = EMA(self.model, self.config.ema_decay)  # from the anchors found, not those drawn before


def _nothing() -> None:
    """Undoes nothing."""


def train(
    config: Config, *, save_dir: str | Path, resume: str | Path | bool | None = None, callbacks: Sequence[Callback] = ()
) -> TrainResult:
    """Train a recipe.

    Args:
        config: from :func:`paddleseg_lite.load_config`.
        save_dir: the run folder (made where absent).
        resume: a checkpoint folder, or ``True`` for the newest good one in ``save_dir``.
        callbacks: see :mod:`paddleseg_lite.training.callbacks`.

    Raises:
        RunIsBusy: a live run has the folder.
    """
    trainer = Trainer(config, save_dir, callbacks=callbacks)
    try:
        if resume:
            trainer.resume(None if resume is True else resume)
        return trainer.run()
    finally:
        trainer.saver.release()
