"""Fair timing: variants take turns, and medians are reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stats:
    """Times of one variant in milliseconds."""

    p50: float
    p90: float
    runs: int

    @classmethod
    def of(cls, seconds) -> Stats:
        """From seconds of single runs."""
        values = 1000 * np.asarray(seconds, dtype=float)
        return cls(float(np.percentile(values, 50)), float(np.percentile(values, 90)), len(values))


def alternate(
    variants: Mapping[str, Callable[[], object]], *, repeats: int = 15, warmup: int = 2, max_seconds: float = 30.0
) -> dict[str, list[float]]:
    """Seconds of every run of every variant.

    A round runs each variant once, each round starting with another one, so that
    a machine that grows slower (heat, other work) does so for all of them.

    Args:
        variants: name -> what to time.
        repeats: rounds.
        warmup: rounds before that, not counted; the first may compile or allocate.
        max_seconds: after this no further round is begun, once three are there.
    """
    names = list(variants)
    for _ in range(warmup):
        for name in names:
            variants[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    begun = time.perf_counter()
    for turn in range(repeats):
        if turn >= 3 and time.perf_counter() - begun > max_seconds:
            break
        for i in range(len(names)):
            name = names[(turn + i) % len(names)]
            started = time.perf_counter()
            variants[name]()
            times[name].append(time.perf_counter() - started)
    return times
