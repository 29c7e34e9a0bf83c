"""A study file and the runs it expands to.

::

    base: ../quick_start/unet_scenes.yml      # the recipe that everything shares
    factors:
      unit:                                   # a factor sets one config path to several values ...
        path: model.context
        values: {none: null, GloRe: {type: GloRe, num_nodes: 16}}
      kind:                                   # ... or several paths at once
        values:
          prior: {train_dataset.kind: prior, val_dataset.kind: prior}
          spatial: {train_dataset.kind: spatial, val_dataset.kind: spatial}
    compare: unit                             # the factor whose values are compared ...
    baseline: none                            # ... with this one; the others make groups
    contrasts: {GloRe: [GlobalPool, NonLocal]}   # optional: further comparisons that were planned
    seeds: [0, 1, 2, 3, 4]
    metric: mIoU                              # or {measure: accuracy, classes: [...]}: see metric.py
    import: [parts.py]                        # optional: Python files run first, relative to this one
    margin: 0.02                              # optional: differences below this are as good as none (equivalence)
    test: t                                   # or permutation: what "better" and "worse" are judged by
    bounds: {pooled: 0.75}                    # optional: lines in the plots (context scenes have their own)
    search: {...}                             # optional: each variant at its best setting first; see search.py
    prune: {first: 250, factor: 3}            # makes it an exploration: hopeless runs end early; see pruning.py

Every combination of values is one variant; a variant and a seed is one run. A
run is known by the hash of its resolved config, so the same configuration is
never run twice, whatever the factors are called. :mod:`.expanding` makes the runs.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from ..config import Config
from ..errors import ConfigError
from .metric import Metric, parse_metric

if TYPE_CHECKING:
    from .search import Search


@dataclass(frozen=True)
class Run:
    """One training: a variant with a seed."""

    levels: Mapping[str, str]  # factor -> name of its value
    seed: int
    config: Config | None  # None where it could not be built
    error: str | None = None

    @functools.cached_property
    def key(self) -> str:
        """Twelve hex digits of the hash of the resolved config."""
        content = json.dumps(self.config.to_dict(), sort_keys=True, default=str) if self.config else repr(self)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """For progress lines and errors."""
        return " ".join([*(f"{k}={v}" for k, v in self.levels.items()), f"seed={self.seed}"])


@dataclass(frozen=True)
class Study:
    """A parsed study file."""

    title: str
    compare: str
    baseline: str
    metric: Metric  # a plain name will do
    seeds: list[int]
    factors: Mapping[str, Mapping[str, Mapping[str, Any]]]  # factor -> value name -> {config path: value}
    runs: list[Run] = field(default_factory=list)
    contrasts: Mapping[str, list[str]] = field(default_factory=dict)  # value -> values it is compared with
    base: str = ""  # the recipe that all share
    opts: list[str] = field(default_factory=list)  # what was set on top of it
    imports: list[str] = field(default_factory=list)
    margin: float | None = None
    test: str = "t"
    bounds: Mapping[str, float] = field(default_factory=dict)
    prune: Mapping[str, int] | None = None  # an exploration
    search: Search | None = None

    def __post_init__(self):
        if not isinstance(self.metric, Metric):
            object.__setattr__(self, "metric", parse_metric(self.metric, self.title))

    def groups(self) -> list[dict[str, str]]:
        """Combinations of the factors that are not compared; comparisons stay within one."""
        others = [f for f in self.factors if f != self.compare]
        return [dict(zip(others, names)) for names in itertools.product(*(self.factors[f] for f in others))]

    def find(self, levels: Mapping[str, str], seed: int) -> Run:
        """The run of a variant and seed."""
        return self._found[_label(levels, seed)]

    @functools.cached_property
    def _found(self) -> dict[str, Run]:
        return {_label(run.levels, run.seed): run for run in self.runs}


def _label(levels: Mapping[str, str], seed: int) -> str:
    return json.dumps([dict(sorted(levels.items())), seed])


def parse_seeds(seeds: Any, where: str) -> list[int]:
    """A list of seeds, none twice.

    Raises:
        ConfigError: it is not.
    """
    whole = isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
    if not whole or not seeds or not all(0 <= s < 2**32 for s in seeds):
        raise ConfigError(f"{where} must be a list of whole numbers from 0 to 2**32 - 1, got {seeds!r}.")
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"{where} repeat: {seeds}; a repeated seed is the same run, not new evidence.")
    return seeds


def describe(study: Study) -> str:
    """The study as YAML, for the report."""
    metric = study.metric
    content = {
        "compare": study.compare,
        "baseline": study.baseline,
        "contrasts": {k: list(v) for k, v in study.contrasts.items()},
        "metric": metric.name if metric.path else {"measure": metric.measure, "classes": list(metric.classes)},
        "seeds": study.seeds,
        "factors": {k: {n: dict(v) for n, v in f.items()} for k, f in study.factors.items()},
    }
    if not study.contrasts:
        del content["contrasts"]
    optional = {"margin": study.margin, "test": study.test, "bounds": dict(study.bounds), "prune": study.prune}
    content.update({k: v for k, v in optional.items() if v})
    if study.search is not None:
        content["search"] = study.search.describe()
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
