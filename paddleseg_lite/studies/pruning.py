"""Early end of hopeless runs: asynchronous successive halving, in explorations only.

ASHA (Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020) in the stopping form that Ray
Tune's ``ASHAScheduler`` has: rungs stand at ``first``, ``first * factor``, ``first * factor^2``, ... iterations. A run
that validates at or beyond a rung for the first time is compared with all that came there before it, and ends where
it is not among the best ``1 / factor`` of them. Nobody waits for anybody, so which runs end depends on who came first:
a comparison that is to be evidence must not use it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, nearest
from .metric import Metric

if TYPE_CHECKING:
    from .study import Run

KEYS = ("first", "factor")


@dataclass
class Halving:
    """The rungs of one exploration.

    Attributes:
        first: iterations of the lowest rung.
        factor: how many times as many iterations the next one has; the best ``1 / factor`` go on.
        per_variant: compare settings of one variant only (a search), not variants with each other.
        stopped: what was decided on each run that ends early.
    """

    first: int
    factor: int = 3
    per_variant: bool = False
    stopped: dict[str, dict[str, Any]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)  # run -> iterations it was judged at last
    _rungs: dict[tuple[str, int], list[float]] = field(default_factory=dict)

    def judge(self, key: str, iteration: int, value: float, group: str = "") -> bool:
        """Whether a run that stands at ``value`` after ``iteration`` iterations shall end; groups do not meet."""
        reached = self._seen.get(key, 0)
        self._seen[key] = max(reached, iteration)
        if key in self.stopped or iteration < self.first:
            return key in self.stopped
        rung = self.first * self.factor ** math.floor(math.log(iteration / self.first, self.factor) + 1e-9)
        if reached >= rung:  # judged here already
            return False
        value = -math.inf if math.isnan(value) else value
        before = self._rungs.setdefault((group, rung), [])
        bar = float(np.percentile(before, 100 * (1 - 1 / self.factor))) if before else -math.inf
        before.append(value)
        if value < bar:
            self.stopped[key] = {"iteration": iteration, "value": value, "bar": bar}
        return key in self.stopped

    def hopeless(self, run: Run, target: Path, metric: Metric) -> bool:
        """Judge a run by the validations in its folder that are new; True once, when it shall be stopped.

        At its last validation a run has nothing left to be spared.
        """
        if run.key in self.stopped:
            return False
        group = str(run.levels) if self.per_variant else ""
        for record in _validations(target / "metrics.jsonl"):
            last = run.config is not None and run.config.iters is not None and record["iter"] >= run.config.iters
            new = record["iter"] > self._seen.get(run.key, 0)
            if new and not last and self.judge(run.key, record["iter"], _value(metric, record), group):
                return True
        return False

    def result(self, key: str) -> dict[str, Any]:
        """What stands in ``result.json`` of a run that was ended."""
        found = self.stopped[key]
        reason = (
            f"ended early at iteration {found['iteration']} (exploration): {found['value']:.4f}, below the best "
            f"1/{self.factor} of those that came so far ({found['bar']:.4f})"
        )
        return {"status": "pruned", "reason": reason, **found}


def parse_pruning(spec: Any, where: str) -> Halving | None:
    """``{first: 250, factor: 3}``; None where none is asked for.

    Raises:
        ConfigError: other keys, or numbers that make no rungs.
    """
    if spec is None:
        return None
    if not isinstance(spec, dict) or "first" not in spec:
        raise ConfigError(f"{where} is {{first: iterations of the lowest rung, factor: 3}}, got {spec!r}.")
    for key in spec:
        if key not in KEYS:
            raise ConfigError(f"{where} has no key '{key}'.{nearest(str(key), KEYS)}")
    first, factor = spec["first"], spec.get("factor", 3)
    if not isinstance(first, int) or first < 1 or not isinstance(factor, int) or factor < 2:
        raise ConfigError(f"{where}: first is at least 1 iteration and factor at least 2, got {spec!r}.")
    return Halving(first, factor)


def _validations(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # the last one is just being written
            continue
        if record.get("kind") == "eval":
            found.append(record)
    return found


def _value(metric: Metric, record: dict[str, Any]) -> float:
    try:
        return metric.of({"metrics": record})
    except ConfigError:
        return math.nan
