"""Learning-rate schedules: a closed formula of the iteration, after an optional linear warm-up.

A schedule counts optimizer steps. During warm-up (iterations 0 to ``warmup_iters``)
the rate rises from ``warmup_start_lr`` to ``learning_rate`` in a straight line; then
the formula runs with its own count starting at 0, over ``iters - warmup_iters`` steps
unless its length is given. This is PaddleSeg's arrangement, so that with warm-up
the polynomial still reaches ``end_lr`` at the last iteration.

Each formula needs the iteration alone, no former rate: a resumed run is bit-equal.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from paddle.optimizer import lr

from ..errors import ConfigError
from ..registry import SCHEDULERS


class Schedule(lr.LRScheduler):
    """Base: warm-up, then :meth:`rate`.

    Args:
        learning_rate: the base rate, reached at the end of the warm-up.
        iters: optimizer steps of the whole run.
        warmup_iters: steps of the warm-up.
        warmup_start_lr: rate at iteration 0 where there is a warm-up.
    """

    def __init__(
        self, *, learning_rate: float, iters: int, warmup_iters: int = 0, warmup_start_lr: float = 0.0
    ) -> None:
        if not (0 <= learning_rate < math.inf and 0 <= warmup_start_lr < math.inf):
            raise ConfigError(
                f"lr_scheduler: rates are not negative, and finite, got {learning_rate} and {warmup_start_lr}."
            )
        if warmup_iters < 0 or (warmup_iters and warmup_iters >= iters):
            raise ConfigError(
                f"lr_scheduler: warmup_iters is {warmup_iters} of {iters} iterations; "
                "it must be shorter than the run: lower it or train longer."
            )
        self.warmup_iters, self.warmup_start_lr = warmup_iters, warmup_start_lr
        self.steps = max(1, iters - warmup_iters)
        super().__init__(float(learning_rate))

    def get_lr(self) -> float:
        it = self.last_epoch  # Paddle's name for the number of step() calls
        if it < self.warmup_iters:
            return self.warmup_start_lr + (self.base_lr - self.warmup_start_lr) * it / self.warmup_iters
        return self.rate(it - self.warmup_iters)

    def rate(self, it: int) -> float:
        """Rate at step ``it`` after the warm-up."""
        raise NotImplementedError


@SCHEDULERS.register
class Constant(Schedule):
    """The base rate throughout."""

    def rate(self, it: int) -> float:
        return self.base_lr


@SCHEDULERS.register
class PolynomialDecay(Schedule):
    """``(base - end) (1 - it / steps)^power + end``; "poly" with power 0.9 of the DeepLab papers.

    Args:
        decay_steps: steps until ``end_lr``; the rest of the run by default.
        cycle: stretch ``decay_steps`` to the next multiple when it is passed, instead of staying at ``end_lr``.
    """

    def __init__(
        self,
        *,
        end_lr: float = 0.0,
        power: float = 0.9,
        decay_steps: int | None = None,
        cycle: bool = False,
        **common: Any,
    ) -> None:
        self.end_lr, self.power, self.decay_steps, self.cycle = end_lr, power, decay_steps, cycle
        _positive("power", power)
        _positive("decay_steps", 1 if decay_steps is None else decay_steps)
        super().__init__(**common)

    def rate(self, it: int) -> float:
        steps = self.decay_steps or self.steps
        if self.cycle:
            steps *= max(1, math.ceil(it / steps))
        left = 1.0 - min(it, steps) / steps
        return (self.base_lr - self.end_lr) * left**self.power + self.end_lr


@SCHEDULERS.register
class CosineAnnealingDecay(Schedule):
    """``eta_min + (base - eta_min) (1 + cos(pi it / T_max)) / 2``, T_max by default the rest of the run."""

    def __init__(self, *, T_max: int | None = None, eta_min: float = 0.0, **common: Any) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        _positive("T_max", 1 if T_max is None else T_max)
        super().__init__(**common)

    def rate(self, it: int) -> float:
        share = it / (self.T_max or self.steps)
        return self.eta_min + (self.base_lr - self.eta_min) * (1.0 + math.cos(math.pi * share)) / 2.0


@SCHEDULERS.register(small={"step_size": 4})
class StepDecay(Schedule):
    """``base * gamma^(it // step_size)``."""

    def __init__(self, *, step_size: int, gamma: float = 0.1, **common: Any) -> None:
        self.step_size, self.gamma = step_size, gamma
        _positive("step_size", step_size)
        super().__init__(**common)

    def rate(self, it: int) -> float:
        return self.base_lr * self.gamma ** (it // self.step_size)


@SCHEDULERS.register(small={"milestones": [4, 8]})
class MultiStepDecay(Schedule):
    """``base * gamma^(number of milestones reached)``."""

    def __init__(self, *, milestones: Sequence[int], gamma: float = 0.1, **common: Any) -> None:
        self.milestones, self.gamma = _rising("milestones", milestones), gamma
        super().__init__(**common)

    def rate(self, it: int) -> float:
        return self.base_lr * self.gamma ** bisect.bisect_right(self.milestones, it)


@SCHEDULERS.register(small={"boundaries": [4], "values": [0.1, 0.01]})
class PiecewiseDecay(Schedule):
    """``values[i]`` between ``boundaries[i - 1]`` and ``boundaries[i]``.

    Args:
        boundaries: steps at which the next value begins.
        values: rates, one more than boundaries.
        learning_rate: end of the warm-up; the first value unless given.
    """

    def __init__(
        self, *, boundaries: Sequence[int], values: Sequence[float], learning_rate: float | None = None, **common: Any
    ) -> None:
        self.boundaries, self.values = _rising("boundaries", boundaries), [float(v) for v in values]
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigError(
                f"PiecewiseDecay needs one value more than boundaries, got {len(self.values)} and "
                f"{len(self.boundaries)}."
            )
        super().__init__(learning_rate=self.values[0] if learning_rate is None else learning_rate, **common)

    def rate(self, it: int) -> float:
        return self.values[bisect.bisect_right(self.boundaries, it)]


@SCHEDULERS.register(small={"gamma": 0.9})
class ExponentialDecay(Schedule):
    """``base * gamma^it``."""

    def __init__(self, *, gamma: float, **common: Any) -> None:
        self.gamma = gamma
        _positive("gamma", gamma)
        super().__init__(**common)

    def rate(self, it: int) -> float:
        return self.base_lr * self.gamma**it


def build_scheduler(spec: Mapping[str, Any] | str, *, iters: int) -> Schedule:
    """Build ``{type: PolynomialDecay, learning_rate: 0.01, ...}`` for a run of ``iters`` optimizer steps."""
    return SCHEDULERS.build(spec, offered={"iters": iters})


def _positive(name: str, value: float) -> None:
    if value <= 0:
        raise ConfigError(f"lr_scheduler: {name} must be above 0, got {value}.")


def _rising(name: str, steps: Sequence[int]) -> list[int]:
    steps = list(steps)
    if any(a >= b for a, b in zip(steps, steps[1:])):
        raise ConfigError(f"lr_scheduler: {name} must rise, got {steps}.")
    return steps
