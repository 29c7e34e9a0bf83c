"""Randomness as a function of (seed, step), so that a resumed run draws what the undisturbed one drew.

No generator state is saved: before every optimizer step the generators are
seeded from the run's seed and the step number. Samples have a generator of
their own per (seed, epoch, index) in :mod:`paddleseg_lite.data`.
"""

from __future__ import annotations

import random

import numpy as np
import paddle


def derive(seed: int, *keys: int) -> int:
    """A 32-bit seed from a base seed and any number of integers, well mixed."""
    return int(np.random.SeedSequence([seed, *keys]).generate_state(1)[0])


def reseed(seed: int, step: int, rank: int = 0) -> None:
    """Seed Python, NumPy and Paddle for one step of one rank."""
    value = derive(seed, step, rank)
    random.seed(value)
    np.random.seed(value)
    paddle.seed(value)
