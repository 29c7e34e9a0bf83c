"""One fuzz case: run, timed, and told apart into read, refused and failed."""

from __future__ import annotations

import argparse
import contextlib
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from paddleseg_lite.errors import UserError

LIMIT = 5.0  # seconds of this process, whatever else the machine does


HEAD = ["# Fuzzing", "", "Files made wrong at random, and what the tools make of them.", ""]  # of docs/results/fuzz.md


def arguments(doc: str | None, files: int, argv=None) -> argparse.Namespace:
    """The flags that every fuzz has; ``files`` cases unless told."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--files", type=int, default=files, help="cases")
    p.add_argument("--first", type=int, default=0, help="number of the first case")
    p.add_argument("--out", help="page to write")
    return p.parse_args(argv)


@dataclass
class Trial:
    """What a case came to.

    Attributes:
        kind: of the case, a row of the table.
        outcome: ``read``, ``refused`` (one of our errors) or ``failed``.
        value: what the call returned.
        compared: whether an independent reader had an opinion.
        message: of the error, or what differs.
    """

    kind: str
    outcome: str
    value: Any = None
    compared: bool = False
    message: str = ""
    seconds: float = 0.0

    def compare(self, difference: str | None) -> Trial:
        """Note an opinion: None where the reader has none, ``""`` where it agrees, else what differs."""
        self.compared = self.compared or difference is not None
        if difference:
            self.outcome, self.message = "failed", difference
        return self


def attempt(kind: str, call: Callable[[], Any]) -> Trial:
    """Run a call; any error but ours, an empty or endless message, or more than :data:`LIMIT` is a failure."""
    started, trial = time.process_time(), Trial(kind, "read")
    try:
        with alarm(LIMIT):
            trial.value = call()
    except UserError as e:
        trial.outcome, trial.message = "refused", str(e)
        if not trial.message.strip() or len(trial.message) > 20_000:
            trial.outcome = "failed"
    except BaseException:
        trial.outcome, trial.message = "failed", traceback.format_exc()
    trial.seconds = time.process_time() - started
    return trial


@contextlib.contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """TimeoutError after so many seconds of this process."""

    def ring(*_):
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def table(trials: Iterable[Trial]) -> list[str]:
    """The rows of a page: one for each kind, and one for all."""
    trials = list(trials)
    lines = ["| kind | cases | read | compared | refused | failed | slowest |", "|---|---|---|---|---|---|---|"]
    for kind in [*dict.fromkeys(t.kind for t in trials), "all"]:
        own = [t for t in trials if kind in (t.kind, "all")]
        counts, slowest = Counter(t.outcome for t in own), max((t.seconds for t in own), default=0)
        cells = [kind, len(own), counts["read"], sum(t.compared for t in own), counts["refused"], counts["failed"]]
        lines.append(f"| {' | '.join(map(str, cells))} | {slowest:.2f} s |")
    return lines
