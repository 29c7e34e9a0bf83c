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

Every combination of values is one variant; a variant and a seed is one run. A
run is known by the hash of its resolved config, so the same configuration is
never run twice, whatever the factors are called.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..config import Config, check_components, parse_config
from ..config.reading import read_tree, set_key
from ..errors import ConfigError, nearest
from .metric import Metric, parse_metric

KEYS = ("base", "factors", "compare", "baseline", "contrasts", "seeds", "metric", "opts", "title")


@dataclass(frozen=True)
class Run:
    """One training: a variant with a seed."""

    levels: Mapping[str, str]  # factor -> name of its value
    seed: int
    config: Config | None  # None where it could not be built
    error: str | None = None

    @property
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

    def __post_init__(self):
        if not isinstance(self.metric, Metric):
            object.__setattr__(self, "metric", parse_metric(self.metric, self.title))

    def groups(self) -> list[dict[str, str]]:
        """Combinations of the factors that are not compared; comparisons stay within one."""
        others = [f for f in self.factors if f != self.compare]
        return [dict(zip(others, names)) for names in itertools.product(*(self.factors[f] for f in others))]

    def find(self, levels: Mapping[str, str], seed: int) -> Run:
        """The run of a variant and seed."""
        return next(r for r in self.runs if r.levels == levels and r.seed == seed)


def load_study(path: str | Path, *, opts: list[str] | None = None) -> Study:
    """Read and expand a study.

    Args:
        path: the study file.
        opts: ``key=value`` strings on top of the base recipe.

    Raises:
        ConfigError: the file is wrong, or no run of it can be built. A variant
            that cannot be built among others that can is kept with its error.
    """
    path = Path(path)
    tree, _ = read_tree(path)
    unknown = [k for k in tree if k not in KEYS]
    if unknown:
        raise ConfigError(f"{path}: a study has no key '{unknown[0]}'.{nearest(unknown[0], KEYS)}")
    for key in ("base", "factors", "compare", "baseline"):
        if key not in tree:
            raise ConfigError(f"{path}: a study needs '{key}'; see configs/ablation/ for examples.")
    factors = {name: _parse_factor(path, name, spec) for name, spec in tree["factors"].items()}
    compare, baseline = str(tree["compare"]), str(tree["baseline"])
    if compare not in factors:
        raise ConfigError(f"{path}: compare: there is no factor '{compare}'.{nearest(compare, factors)}")
    if baseline not in factors[compare]:
        raise ConfigError(
            f"{path}: baseline: factor '{compare}' has no value '{baseline}'.{nearest(baseline, factors[compare])}"
        )
    seeds = tree.get("seeds", [0, 1, 2])
    if not isinstance(seeds, list) or not seeds or not all(isinstance(s, int) for s in seeds):
        raise ConfigError(f"{path}: seeds must be a list of whole numbers, got {seeds!r}.")
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"{path}: seeds repeat: {seeds}; a repeated seed is the same run, not new evidence.")
    study = Study(
        title=str(tree.get("title", path.stem)),
        compare=compare,
        baseline=baseline,
        metric=parse_metric(tree.get("metric", "mIoU"), str(path)),
        seeds=seeds,
        factors=factors,
        contrasts=_parse_contrasts(path, tree.get("contrasts") or {}, factors[compare]),
    )
    base = path.parent / tree["base"]
    shared = [*tree.get("opts", []), *(opts or [])]
    study.runs.extend(_expand(study, base, shared))
    if all(run.error for run in study.runs):
        raise ConfigError(f"{path}: no variant can be built. First reason: {study.runs[0].error}")
    return study


def _parse_factor(path: Path, name: str, spec: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(spec, Mapping) or not isinstance(spec.get("values"), Mapping) or not spec["values"]:
        raise ConfigError(f"{path}: factor '{name}' must be {{path: a.b, values: {{name: value, ...}}}}.")
    levels = {}
    for level, value in spec["values"].items():
        if "path" in spec:
            value = {spec["path"]: value}
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{path}: factor '{name}' has no path, so its value '{level}' must map config paths to values."
            )
        levels[str(level)] = dict(value)
    return levels


def _parse_contrasts(path: Path, spec: Any, levels: Mapping[str, Any]) -> dict[str, list[str]]:
    if not isinstance(spec, Mapping) or not all(isinstance(v, list) for v in spec.values()):
        raise ConfigError(f"{path}: contrasts must be {{value: [values to compare it with]}}, got {spec!r}.")
    contrasts = {str(k): [str(v) for v in others] for k, others in spec.items()}
    for name in (n for k, others in contrasts.items() for n in (k, *others)):
        if name not in levels:
            raise ConfigError(f"{path}: contrasts: there is no value '{name}' to compare.{nearest(name, levels)}")
    return contrasts


def _expand(study: Study, base: Path, opts: list[str]) -> list[Run]:
    """All runs, the baseline's first and seed by seed, so that an interrupted study is useful early."""
    from ..config.reading import set_option

    variants = [dict(zip(study.factors, names)) for names in itertools.product(*study.factors.values())]
    variants.sort(key=lambda levels: levels[study.compare] != study.baseline)
    runs, checked = [], {}
    for seed in study.seeds:
        for levels in variants:
            tree, origins = read_tree(base)
            label = json.dumps(levels)
            try:
                for text in opts:
                    set_option(tree, text, origins)
                for factor, level in levels.items():
                    for key, value in study.factors[factor][level].items():
                        set_key(tree, key, value, origins, source=f"factor {factor}={level}")
                set_key(tree, "seed", seed, origins, source="seeds")
                config = parse_config(tree, origins=origins, source=str(base))
                if label not in checked:
                    checked[label] = _problem(config, origins, base)
                error = checked[label]
            except ConfigError as e:
                config, error = None, str(e)
            runs.append(Run(levels, seed, None if error else config, error))
    return runs


def _problem(config: Config, origins, base: Path) -> str | None:
    try:
        check_components(config, origins=origins, source=str(base))
    except ConfigError as e:
        return str(e)
    return None


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
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
