"""What stands beside the training loop: progress, records, pictures, early stop.

A callback reads the trainer and never steers the arithmetic; the one thing it
may do is ask for a stop through ``trainer.request_stop(reason)``.
"""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from ..files import write_text
from ..outputs import Growing
from ..progress import Progress
from ..reports.board import Board
from . import log_lines
from .samples import sample_panels

logger = logging.getLogger("paddleseg_lite")


class Callback:
    """Hooks, all optional. ``info`` is a dict of plain numbers for the last ``log_iters`` steps.

    Attributes:
        record: what it writes, as messages name it.
    """

    @property
    def record(self) -> str:
        return type(self).__name__

    def complete(self) -> bool:
        """Asked at the end where it could not write at some time: whether all of it has been written since."""
        return False

    def on_start(self, trainer) -> None:
        """Training is about to begin (or go on)."""

    def on_log(self, trainer, info: dict) -> None:
        """Every ``log_iters`` steps."""

    def on_eval(self, trainer, evaluation, is_best: bool) -> None:
        """After a validation."""

    def on_step(self, trainer) -> None:
        """After every optimizer step."""

    def on_end(self, trainer, result) -> None:
        """Training is over, whatever the reason."""


class TrainLog(Callback):
    """The log line, and a progress bar where ``progress`` asks for one."""

    def __init__(self, progress: bool):
        self.use_bar, self.note = progress, ""
        self.progress: Progress | None = None

    def on_start(self, trainer):
        self.progress = Progress(
            trainer.total_iters, "it", interval=math.inf, bar=self.use_bar, done=trainer.state.iteration
        )
        self.progress.__enter__()

    def on_step(self, trainer):
        self.progress.step(self.note)

    def on_log(self, trainer, info):
        self.note = log_lines.note(info)
        logger.info(log_lines.train_line(info, trainer.total_iters))

    def on_eval(self, trainer, evaluation, is_best):
        logger.info(log_lines.eval_line(trainer.state.iteration, evaluation))
        logger.info(log_lines.best_line(trainer.state.best_miou, trainer.state.best_iter, new=is_best))

    def on_end(self, trainer, result):
        if self.progress is not None:
            self.progress.__exit__(None, None, None)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


class MetricsFile(Callback):
    """``metrics.jsonl``: one JSON object a line, always written; on resume, lines past the checkpoint are dropped.

    What cannot be written waits for the next time, so that a disk that was full for a while costs no line.
    """

    record = "metrics.jsonl"

    def __init__(self, path: Path):
        self.path, self.file = path, Growing(path)

    def on_start(self, trainer):
        start = trainer.state.iteration
        kept, odd = ([], 0) if start == 0 else self._kept(start)
        if odd:
            logger.warning("%s: %d damaged lines dropped.", self.path, odd)
        write_text(self.path, "".join(f"{line}\n" for line in kept))

    def _kept(self, start: int) -> tuple[list[str], int]:
        """Lines up to iteration ``start``; how many others there are (cut off by a crash, zeros after a power cut)."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return [], 0
        kept, odd = [], 0
        for line in filter(None, lines):
            try:
                text = line.decode("utf-8")
                if json.loads(text)["iter"] <= start:
                    kept.append(text)
            except (ValueError, KeyError, TypeError, RecursionError):
                odd += 1
        return kept, odd

    def _write(self, record: dict) -> None:
        self.file.add(f"{json.dumps(record, allow_nan=True)}\n".encode())

    def complete(self):
        return not self.file.waiting

    def on_end(self, trainer, result):
        self.file.flush()

    def on_log(self, trainer, info):
        self._write({"kind": "train", **info, "time": _now()})

    def on_eval(self, trainer, evaluation, is_best):
        self._write(
            {
                "kind": "eval",
                "iter": trainer.state.iteration,
                "loss": evaluation.loss,
                "is_best": is_best,
                "seconds": evaluation.seconds,
                "time": _now(),
                "backend": evaluation.backend,
                **evaluation.scores.as_dict(trainer.val_dataset.class_names),
            }
        )


class VisualDLLog(Callback):
    """Scalars, fixed validation samples as pictures, and hparams, in ``vdl/``; after a resume with all steps before."""

    record = "vdl/"
    BEST = "val/best_mIoU"

    def __init__(self, folder: Path, num_samples: int = 4):
        self.folder, self.num_samples, self.board = folder, num_samples, None

    def on_start(self, trainer):
        start = trainer.state.iteration
        self.board = Board(self.folder, until=start or None, but=(self.BEST,))

    def _scalar(self, tag: str, value, step: int) -> None:
        if value is not None and np.isfinite(value):
            self.board.add_scalar(tag, value, step)

    def on_log(self, trainer, info):
        step = info["iter"]
        for tag in ("loss", "lr", "grad_norm", "images_per_s", "data_share"):
            self._scalar(f"train/{tag}", info.get(tag), step)
        for name, value in info["loss_parts"].items():
            self._scalar(f"train/loss_{name}", value, step)

    def on_eval(self, trainer, evaluation, is_best):
        step, scores = trainer.state.iteration, evaluation.scores
        self._scalar("val/loss", evaluation.loss, step)
        for tag in ("mIoU", "aAcc", "mAcc"):
            self._scalar(f"val/{tag}", getattr(scores, tag), step)
        for name, iou in zip(trainer.val_dataset.class_names, scores.IoU):
            self._scalar(f"val_IoU/{name}", iou, step)
        panels = sample_panels(trainer.model, trainer.val_dataset, self.num_samples, options=trainer.options)
        for i, panel in enumerate(panels):
            self.board.add_image(f"val/sample_{i} (input, label, prediction)", panel, step)

    def complete(self):
        return self.board is not None and self.board.complete

    def on_end(self, trainer, result):
        if self.board is None:
            return
        hparams = {
            "model": trainer.config.model["type"],
            "context": str(trainer.config.model.get("context") or {"type": "none"}),
            "optimizer": trainer.config.optimizer["type"],
            "learning_rate": float(trainer.config.lr_scheduler.get("learning_rate", 0.0)),
            "batch_size": trainer.config.batch_size,
            "iters": trainer.total_iters,
            "seed": trainer.config.seed,
        }
        self.board.add_hparams(hparams, [self.BEST])
        if trainer.state.best_iter:
            self._scalar(self.BEST, trainer.state.best_miou, trainer.state.iteration)


class EarlyStop(Callback):
    """Stop after so many validations without a better mIoU."""

    def __init__(self, intervals: int):
        self.intervals = intervals

    def on_eval(self, trainer, evaluation, is_best):
        if trainer.state.stale_evals >= self.intervals:
            trainer.request_stop(f"no better mIoU in {self.intervals} validations")


class Profile(Callback):
    """``paddle.profiler`` over ``START:STOP`` iterations; a summary and a Chrome trace in ``folder``."""

    def __init__(self, span: str, folder: Path):
        try:
            self.first, self.last = (int(v) for v in span.split(":"))
            if not 0 < self.first < self.last:
                raise ValueError
        except ValueError:
            raise ConfigError(f"--profile takes START:STOP iterations, 0 < START < STOP, got '{span}'.") from None
        self.folder, self.profiler = folder, None

    def on_step(self, trainer):
        import paddle.profiler as profiler

        iteration = trainer.state.iteration
        if iteration == self.first:
            self.profiler = profiler.Profiler(on_trace_ready=profiler.export_chrome_tracing(str(self.folder)))
            self.profiler.start()
        elif self.profiler is not None and iteration < self.last:
            self.profiler.step()
        elif self.profiler is not None:
            self.on_end(trainer, None)

    def on_end(self, trainer, result):
        if self.profiler is not None:
            self.profiler.stop()
            self.profiler.summary(op_detail=True, time_unit="ms")
            self.profiler = None
