"""Fuzz cases of ``tools/prepare.py``, run in this process: outcome, time, and labels beside those of another reader."""

from __future__ import annotations

import contextlib
import io
import re
import signal
import time
import traceback
from dataclasses import dataclass

import numpy as np
from independent import read
from mutated import KINDS, write_case

from paddleseg_lite.cli.prepare import main
from paddleseg_lite.data import read_label
from paddleseg_lite.errors import UserError

LIMIT = 5.0  # seconds


@dataclass
class Result:
    """What a case came to: ``read``, ``refused`` or ``failed``; ``compared`` with the independent reader."""

    kind: str
    outcome: str
    compared: bool
    seconds: float
    message: str


def run_case(number, folder):
    """Case ``number``: always the same one."""
    rng = np.random.default_rng([20251125, number])
    kind = list(KINDS)[number % len(KINDS)]
    arguments = [str(a) for a in write_case(kind, rng, folder / "in")]
    out, text = folder / "out", io.StringIO()
    started = time.perf_counter()
    try:
        with alarm(LIMIT), contextlib.redirect_stdout(text):
            main([*arguments, "--output", str(out), "--no_preview"])
        outcome, message = "read", text.getvalue()
    except UserError as e:
        outcome, message = "refused", str(e)
        if not message.strip() or len(message) > 20_000:
            outcome = "failed"
    except BaseException:
        outcome, message = "failed", traceback.format_exc()
    seconds, compared = time.perf_counter() - started, False
    if outcome == "read":
        if not re.search(r"\d+ of \d+ (annotations|labels) used", message):
            outcome, message = "failed", f"no account: {message}"
        else:
            compared, difference = compare(kind, folder / "in", out, message)
            if difference:
                outcome, message = "failed", f"{difference}\n{message}"
    return Result(kind, outcome, compared, seconds, message)


def compare(kind, source, out, message):
    """Whether the independent reader has an opinion, and what differs from it without being told."""
    try:
        expected = read(kind, source)
    except Exception:  # strict by intent: it has no opinion then
        return False, ""
    used, total = map(int, re.search(r"(\d+) of (\d+) (?:annotations|labels) used", message).groups())
    empty = len(re.findall(r"without a pixel|outside its picture", message))
    names = (out / "labels.txt").read_text(encoding="utf-8").splitlines()
    count = sum(number for _, number in expected.values())
    if total < count:
        return True, f"{count} annotations are there, {total} were accounted for"
    if used < total and not empty:
        return True, ""  # told
    for name, (top, _) in expected.items():
        written = list((out / "annotations").rglob(f"{name[0]}.png"))
        if not written:
            if "files could not be used" in message:
                continue
            return True, f"{name} has no label, and nobody said so"
        label = read_label(written[0])
        ours = np.array([*names, *[None] * 256], dtype=object)[label]
        differs = (ours != top) & (top != None)  # noqa: E711
        if differs.any():
            return True, f"{name}: {int(differs.sum())} pixels differ"
    return True, ""


@contextlib.contextmanager
def alarm(seconds):
    """TimeoutError after so many seconds."""

    def ring(*_):
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
