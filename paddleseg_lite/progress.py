"""How far a long job is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from .language import mark
from .language import translate as _

logger = logging.getLogger("paddleseg_lite")

UNITS = (mark("images"), mark("frames"), mark("files looked at"))
T = TypeVar("T")


class Progress:
    """``with Progress(5000, "images") as p: ... p.step()``.

    Args:
        total: steps; ``None`` where nobody knows.
        unit: what a step is.
        interval: seconds between two log lines.
        bar: a bar instead of lines; by default on a terminal.
        done: steps that an earlier process did.
    """

    def __init__(self, total: int | None, unit: str, *, interval: float = 10.0, bar: bool | None = None, done: int = 0):
        self.total, self.unit, self.interval = total, unit, interval
        self.use_bar = sys.stderr.isatty() and total != 1 if bar is None else bar
        self.count, self.done, self.bar, self.handlers = done, done, None, None

    def __enter__(self) -> Progress:
        self.started = self.told = time.perf_counter()
        if self.use_bar:
            from tqdm import tqdm
            from tqdm.contrib.logging import logging_redirect_tqdm

            self.handlers = logging_redirect_tqdm([logger])  # log lines go above the bar
            self.handlers.__enter__()
            self.bar = tqdm(total=self.total, initial=self.done, unit=f" {_(self.unit)}", dynamic_ncols=True)
        return self

    def step(self, note: str = "", *, count: int = 1) -> None:
        """One more is done, or ``count``."""
        self.count += count
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(count)
            return
        now = time.perf_counter()
        if now - self.told >= self.interval and self.count != self.total:
            self.told = now
            rate = (self.count - self.done) / (now - self.started)
            left = _(", {:.0f} s left").format((self.total - self.count) / rate) if self.total else ""
            done = (
                _("{} of {} {}").format(self.count, self.total, _(self.unit))
                if self.total
                else f"{self.count} {_(self.unit)}"
            )
            logger.info("%s (%.1f/s%s)%s", done, rate, left, f", {note}" if note else "")

    def __exit__(self, *exc) -> None:
        if self.bar is not None:
            self.bar.close()
            self.handlers.__exit__(*exc)


def watched(
    items: Iterable[T], total: int | None, unit: str, *, steps: Callable[[T], int] = lambda item: 1, **how: Any
) -> Iterator[T]:
    """Hand on ``items`` and show how far they are.

    Args:
        total: steps of all of them.
        steps: of one.
        how: as :class:`Progress` takes it.
    """
    with Progress(total, unit, **how) as progress:
        for item in items:
            yield item
            progress.step(count=steps(item))
