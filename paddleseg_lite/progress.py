"""How far a long job is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import logging
import sys
import time

logger = logging.getLogger("paddleseg_lite")


class Progress:
    """``with Progress(5000, "images") as p: ... p.step()``.

    Args:
        total: steps; ``None`` where nobody knows.
        unit: what a step is.
        interval: seconds between two log lines.
        bar: a bar instead of lines; by default on a terminal.
    """

    def __init__(self, total: int | None, unit: str, *, interval: float = 10.0, bar: bool | None = None):
        self.total, self.unit, self.interval = total, unit, interval
        self.use_bar = sys.stderr.isatty() and total != 1 if bar is None else bar
        self.count, self.bar, self.handlers = 0, None, None

    def __enter__(self) -> Progress:
        self.started = self.told = time.perf_counter()
        if self.use_bar:
            from tqdm import tqdm
            from tqdm.contrib.logging import logging_redirect_tqdm

            self.handlers = logging_redirect_tqdm([logger])  # log lines go above the bar
            self.handlers.__enter__()
            self.bar = tqdm(total=self.total, unit=f" {self.unit}", dynamic_ncols=True)
        return self

    def step(self, note: str = "") -> None:
        """One more is done."""
        self.count += 1
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(1)
            return
        now = time.perf_counter()
        if now - self.told >= self.interval and self.count != self.total:
            self.told = now
            rate = self.count / (now - self.started)
            left = "" if not self.total else f", {(self.total - self.count) / rate:.0f} s left"
            of = "" if not self.total else f" of {self.total}"
            logger.info("%d%s %s (%.1f/s%s)%s", self.count, of, self.unit, rate, left, f", {note}" if note else "")

    def __exit__(self, *exc) -> None:
        if self.bar is not None:
            self.bar.close()
            self.handlers.__exit__(*exc)
