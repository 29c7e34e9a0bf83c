"""Training: one loop. Everything optional is a callback beside it (see :mod:`.callbacks`)."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import paddle

from ..checkpoint.folder import iteration_of, load_checkpoint, newest_good, prune, save_checkpoint, set_aside_later
from ..checkpoint.optimizer_state import restore_optimizer
from ..checkpoint.storage import recover
from ..config import Config
from ..data import BatchSchedule, train_batches
from ..data.building import build_datasets
from ..errors import CheckpointError, ConfigError, EnvironmentProblem
from ..inference.evaluation import Evaluation, evaluate
from ..inference.options import inference_options
from ..inference.precision import engine_name, half_forward
from ..layers import apply_freeze_bn, running_statistics
from ..optim.ema import EMA
from ..optim.optimizers import build_optimizer
from . import parallel
from .building import build_loss, build_network
from .callbacks import Callback
from .log_window import LogWindow
from .number_guard import NumbersGuard
from .precision import Precision
from .seeds import derive, reseed
from .signals import stop_signals

logger = logging.getLogger("paddleseg_lite")


@dataclass
class TrainState:
    """The counters of a run; saved in every checkpoint."""

    iteration: int = 0  # optimizer updates done
    best_miou: float = -1.0
    best_iter: int = 0
    stale_evals: int = 0  # validations since the best one
    skipped_steps: int = 0  # updates left out under nan_policy: skip


@dataclass(frozen=True)
class TrainResult:
    """How a run ended."""

    save_dir: Path
    iteration: int
    best_miou: float
    best_iter: int
    stopped_by: str | None  # None: ran to its end; else the reason


class Trainer:
    """Builds everything a recipe names and runs the loop.

    Args:
        config: the resolved recipe.
        save_dir: the run folder.
        callbacks: beside the loop, in order.
    """

    def __init__(self, config: Config, save_dir: str | Path, *, callbacks: Sequence[Callback] = ()):
        if config.iters is None and config.epochs is None:
            raise ConfigError(
                "the config says neither iters nor epochs; training needs one of them (--iters N or --epochs N)."
            )
        self.config, self.save_dir, self.callbacks = config, Path(save_dir), list(callbacks)
        self.rank, self.world_size = parallel.start()
        self.train_dataset, self.val_dataset = build_datasets(config)
        paddle.seed(derive(config.seed, 0))
        self.model = build_network(config, self.train_dataset.num_classes)
        apply_freeze_bn(self.model, config.freeze_bn)
        self.model = parallel.convert_sync_bn(self.model, self.world_size)
        self.criterion = build_loss(config, self.train_dataset, label_fit=getattr(self.model, "label_fit", "resize"))
        self.schedule = BatchSchedule(
            len(self.train_dataset), config.batch_size, seed=config.seed, rank=self.rank, world_size=self.world_size
        )
        steps_per_epoch = max(1, self.schedule.batches_per_epoch // config.accumulate)
        self.steps_per_epoch = steps_per_epoch
        self.total_iters = config.iters or config.epochs * steps_per_epoch
        self.save_interval = config.save_interval or default_save_interval(self.total_iters, steps_per_epoch)
        self.optimizer, self.lr = build_optimizer(
            config.optimizer, self.model, config.lr_scheduler, iters=self.total_iters
        )
        self.precision = Precision(config.precision, config.amp_level, config.cpu_accel, self.model, self.optimizer)
        self.ema = EMA(self.model, config.ema_decay) if config.use_ema else None
        unused = [name for name, entry in self.criterion.entries.items() if entry.loss is None]
        self.network = parallel.wrap(self.model, self.world_size, unused=unused)
        self.guard = NumbersGuard(config.nan_policy, self.save_dir)
        self.state = TrainState()
        self.options = inference_options(config.test_config)
        self._stop_asked: str | None = None  # of this rank
        self._stop_reason: str | None = None  # of all: ranks that end their loops at different steps wait for ever
        if self.rank == 0:
            for line in recover(self.save_dir):  # what a crash in the middle of a save left behind
                logger.warning("%s", line)

    # -- the loop ------------------------------------------------------------------------------------------

    def run(self) -> TrainResult:
        """Train from ``self.state.iteration`` to the end, a stop signal, or an error."""
        config, state = self.config, self.state
        if state.iteration == 0:
            self._initialise_context()
        self.save_dir.mkdir(parents=True, exist_ok=True)
        self._tell("on_start")
        window = LogWindow(config.batch_size * config.accumulate, state.iteration, self.world_size)
        batches = iter(
            train_batches(
                self.train_dataset,
                self.schedule,
                seed=config.seed,
                num_workers=config.num_workers,
                start_iter=state.iteration * config.accumulate,
                stop_iter=self.total_iters * config.accumulate,
            )
        )
        try:
            with stop_signals(self.request_stop):
                self.network.train()
                while state.iteration < self.total_iters and self._stop_reason is None:
                    self._step(batches, window)
                    self._after_step(window)
                if self._stop_reason is not None and state.iteration % self.save_interval:
                    self._save_checkpoint()
        finally:
            result = TrainResult(self.save_dir, state.iteration, state.best_miou, state.best_iter, self._stop_reason)
            self._tell("on_end", result)
        return result

    def _step(self, batches, window: LogWindow) -> None:
        """One optimizer update from ``accumulate`` batches."""
        config = self.config
        reseed(config.seed, self.state.iteration + 1, self.rank)
        self.guard.begin(self.model)
        for micro in range(config.accumulate):
            asked = time.perf_counter()
            batch = next(batches)
            window.waited(time.perf_counter() - asked)
            hold = micro + 1 < config.accumulate and self.world_size > 1
            with self.network.no_sync() if hold else contextlib.nullcontext():
                with self.precision.autocast():
                    outputs = self.network(batch["image"])
                    total, parts = self.criterion(outputs, batch)
                self.precision.scale(total / config.accumulate).backward()
            window.add_loss(total, parts)
            self.guard.saw(batch, total)
        good = self.guard.check(self, batch)
        if good:
            window.grad_norm = self.guard.grad_norm
            self.precision.step(self.optimizer)
        else:
            self.state.skipped_steps += 1
        self.optimizer.clear_grad()
        self.lr.step()
        self.state.iteration += 1
        if self.ema is not None and good:
            self.ema.update()

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
            self._save_checkpoint()
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
                logger.error("%s NOT WRITTEN: %s. Training goes on.", type(callback).__name__, e)

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
                half_forward(self.model, config.precision, config.amp_level) or self.model,
                self.val_dataset,
                options=self.options,
                loss=self.criterion.main,
                num_workers=config.num_workers,
                convention=config.miou_convention,
                rank=self.rank,
                world_size=self.world_size,
                engine=engine_name(config.precision),
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
                self._save("best_model", with_optimizer=False, metrics=evaluation.scores)
        return evaluation

    def _save_checkpoint(self) -> None:
        if self._save(f"iter_{self.state.iteration}", with_optimizer=True) and self.rank == 0:
            try:
                prune(self.save_dir, keep=self.config.keep_checkpoint_max)
            except CheckpointError as e:
                logger.warning("an old checkpoint stays: %s Training goes on.", e)

    def _save(self, name: str, *, with_optimizer: bool, metrics=None) -> bool:
        """Write a checkpoint; a failure is loud but does not end the run, the last good one stays."""
        if self.rank != 0:
            return True
        state = {
            **asdict(self.state),
            "seed": self.config.seed,
            "total_iters": self.total_iters,
            "precision": self.precision.state_dict(),
            "ema_steps": self.ema.steps if self.ema is not None else 0,
        }
        meta = {
            "class_names": list(self.train_dataset.class_names),
            "palette": np.asarray(self.train_dataset.palette).tolist(),
            "num_classes": self.train_dataset.num_classes,
            "ignore_index": self.train_dataset.ignore_index,
            "metrics": metrics.as_dict(self.train_dataset.class_names) if metrics is not None else {},
        }
        try:
            save_checkpoint(
                self.save_dir / name,
                model=self.model,
                optimizer=self.optimizer if with_optimizer else None,
                state=state,
                config_text=self.config.to_yaml(),
                meta=meta,
                ema=self.ema.shadow if self.ema is not None and with_optimizer else None,
            )
        except (CheckpointError, OSError) as e:
            logger.error("CHECKPOINT NOT SAVED: %s. Training goes on; the last good checkpoint is untouched.", e)
            return False
        return True

    def resume(self, folder: str | Path | None) -> None:
        """Go on from a checkpoint; ``None`` means the newest good one in the run folder.

        Raises:
            CheckpointError: there is none, or it does not fit this recipe.
        """
        if folder is None:
            folder, problems = newest_good(self.save_dir)
            for problem in problems:
                logger.warning("skipping a damaged checkpoint: %s", problem)
            if folder is None:
                detail = f" Damaged: {'; '.join(problems)}" if problems else ""
                raise CheckpointError(
                    f"there is no checkpoint to resume from in {self.save_dir}. Start without --resume_model, or name "
                    f"the run with --save_dir.{detail}"
                )
        checkpoint = load_checkpoint(Path(folder))
        saved = checkpoint.state
        if saved.get("total_iters") != self.total_iters:
            logger.warning(
                "the checkpoint was made for %s iterations, this run has %d: the learning-rate curve changes.",
                saved.get("total_iters"),
                self.total_iters,
            )
        checkpoint.load_model(self.model)
        if checkpoint.optimizer_state is None:
            raise CheckpointError(f"{folder} holds weights only and cannot be resumed; use an iter_N folder.")
        restore_optimizer(self.optimizer, self.model, checkpoint.optimizer_state)  # and the learning rate
        self.precision.load_state_dict(saved.get("precision", {}))
        if self.ema is not None:
            if checkpoint.ema_state is None:
                raise CheckpointError(f"{folder} has no averaged weights; resume it without --use_ema.")
            self.ema.load(checkpoint.ema_state, saved["ema_steps"])
        for name in asdict(self.state):
            setattr(self.state, name, saved[name])
        self._leave_later_checkpoints()
        logger.info("resumed from %s at iteration %d", folder, self.state.iteration)

    def _leave_later_checkpoints(self) -> None:
        """Those of the branch that a resume from an older checkpoint gives up."""
        moved = set_aside_later(self.save_dir, self.state.iteration) if self.rank == 0 else []
        if moved:
            logger.warning(
                "later than the checkpoint resumed from, moved to %s: %s",
                moved[0].parent,
                ", ".join(p.name for p in moved),
            )
        if iteration_of(self.save_dir / "best_model") > self.state.iteration:
            self.state.best_miou, self.state.best_iter = TrainState.best_miou, TrainState.best_iter

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
        batches = train_batches(self.train_dataset, self.schedule, seed=self.config.seed, stop_iter=4)
        with self.precision.autocast():
            initialise_contexts(self.model, [b["image"] for b in batches], seed=self.config.seed)
        parallel.broadcast(self.model.state_dict().values(), self.world_size)  # each rank has clustered its own batches
        if self.ema is not None:
            self.ema = EMA(self.model, self.config.ema_decay)  # from the anchors found, not those drawn before


def default_save_interval(total_iters: int, steps_per_epoch: int) -> int:
    """An epoch's worth of iterations, but 10 to 50 intervals a run: data sets of 8 pictures and of a million exist."""
    most, least = -(-total_iters // 10), -(-total_iters // 50)
    return min(most, max(least, steps_per_epoch))


def train(
    config: Config, *, save_dir: str | Path, resume: str | Path | bool | None = None, callbacks: Sequence[Callback] = ()
) -> TrainResult:
    """Train a recipe.

    Args:
        config: from :func:`paddleseg_lite.load_config`.
        save_dir: the run folder (made where absent).
        resume: a checkpoint folder, or ``True`` for the newest good one in ``save_dir``.
        callbacks: see :mod:`paddleseg_lite.training.callbacks`.
    """
    trainer = Trainer(config, save_dir, callbacks=callbacks)
    if resume:
        trainer.resume(None if resume is True else resume)
    return trainer.run()
