"""Optimizers, learning-rate schedules, parameter groups and the moving average of the weights.

May import: registry, errors. A new optimizer or schedule is a file with an entry
registered in ``OPTIMIZERS`` or ``SCHEDULERS``, and its import line here.
"""

from .ema import EMA
from .optimizers import build_optimizer
from .schedules import build_scheduler

__all__ = ["EMA", "build_optimizer", "build_scheduler"]
