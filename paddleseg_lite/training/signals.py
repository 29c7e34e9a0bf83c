"""Ctrl-C and SIGTERM end a training in an orderly way."""

from __future__ import annotations

import contextlib
import logging
import signal

from ..language import translate as _

logger = logging.getLogger("paddleseg_lite")


@contextlib.contextmanager
def stop_signals(request):
    """SIGINT and SIGTERM ask for a stop after the step; a second SIGINT stops at once."""
    counts = {"int": 0}

    def handler(number, frame):
        name = signal.Signals(number).name
        if number == signal.SIGINT:
            counts["int"] += 1
            if counts["int"] > 1:
                raise KeyboardInterrupt
        logger.warning(_("%s: finishing this step, then saving (a second Ctrl-C stops at once)"), name)
        request(name)

    kept = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            kept[number] = signal.signal(number, handler)
    except ValueError:  # not the main thread: the host program keeps its handlers
        pass
    try:
        yield
    finally:
        for number, old in kept.items():
            signal.signal(number, old)
