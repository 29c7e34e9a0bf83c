"""A run that is read without a tool: its log, its table, its curves, its pictures."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from ..data import write_png
from ..files import make_folder, write_bytes, write_csv
from ..outputs import Growing
from ..reports.run import read_records, results_picture, results_rows
from ..visualize.mosaic import mosaic
from .callbacks import Callback
from .samples import COLUMNS, sample_rows, training_rows

logger = logging.getLogger("paddleseg_lite")

SLOWEST = 30.0  # seconds between two drawings of the curves


class LogFile(logging.Handler):
    """``train.log``: what is said during a run, with date and time; a resumed run goes on in it.

    A disk that is full loses no line: what cannot be written waits for the next one.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.file = Growing(path)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):  # told by what else cannot be written then; the text waits
            self.file.add(f"{self.format(record)}\n".encode("utf-8", errors="replace"))


class Results(Callback):
    """``results.csv`` and ``results.png``, made anew from ``metrics.jsonl`` after validations and at the end."""

    record = "results.csv and results.png"

    def __init__(self, folder: Path) -> None:
        self.folder, self.drawn, self.shown = folder, -SLOWEST, -1

    def on_eval(self, trainer, evaluation, is_best):
        if time.monotonic() - self.drawn >= SLOWEST:
            self._write(trainer)

    def on_end(self, trainer, result):
        self._write(trainer)

    def _write(self, trainer) -> None:
        records = read_records(self.folder / "metrics.jsonl")
        if len(records) == self.shown:  # the last validation has shown them all
            return
        names = trainer.train_dataset.class_names
        write_csv(self.folder / "results.csv", *results_rows(records, names))
        picture = results_picture(records, names, trainer.train_dataset.palette, title=self.folder.name)
        write_bytes(self.folder / "results.png", picture)
        self.drawn, self.shown = time.monotonic(), len(records)


class Pictures(Callback):
    """``samples/``: an augmented training batch, and after each validation fixed samples with the labels beside."""

    record = "samples/"

    def __init__(self, folder: Path, count: int = 4) -> None:
        self.folder, self.count = folder, count

    def on_start(self, trainer):
        make_folder(self.folder)
        data = trainer.train_dataset
        rows = training_rows(data, 8, seed=trainer.config.seed)
        pairs = [row + other for row, other in zip(rows[::2], rows[1::2])] or rows
        titles = ["training picture", "labels"] * (len(pairs[0]) // 2)
        sheet = mosaic(pairs, titles, class_names=data.class_names, palette=data.palette)
        write_png(self.folder / "training_batch.png", sheet)

    def on_eval(self, trainer, evaluation, is_best):
        data = trainer.val_dataset
        rows = sample_rows(trainer.model, data, self.count, options=trainer.options)
        sheet = mosaic(rows, COLUMNS, class_names=data.class_names, palette=data.palette)
        write_png(self.folder / f"iter_{trainer.state.iteration:06d}.png", sheet)
