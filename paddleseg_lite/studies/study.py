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
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..config import Config
from ..config.reading import read_tree
from ..errors import ConfigError, nearest
from ..plugins import import_file
from .metric import Metric, parse_metric
from .pruning import parse_pruning

if TYPE_CHECKING:
    from .search import Search

KEYS = (
    "base",
    "factors",
    "compare",
    "baseline",
    "contrasts",
    "seeds",
    "metric",
    "opts",
    "title",
    "import",
    "margin",
    "test",
    "bounds",
    "search",
    "prune",
)
TESTS = ("t", "permutation")


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


def load_study(path: str | Path, *, opts: list[str] | None = None) -> Study:
    """Read and expand a study.

    Args:
        path: the study file.
        opts: ``key=value`` strings on top of the base recipe.

    Raises:
        ConfigError: the file is wrong, or no run of it can be built. A variant
            that cannot be built among others that can is kept with its error.
    """
    from .expanding import expand
    from .search import parse_search

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
    imports = _parse_imports(path, tree.get("import") or [])
    seeds = parse_seeds(tree.get("seeds", [0, 1, 2]), f"{path}: seeds")
    shared = [*tree.get("opts", []), *(opts or [])]
    study = Study(
        title=str(tree.get("title", path.stem)),
        compare=compare,
        baseline=baseline,
        metric=parse_metric(tree.get("metric", "mIoU"), str(path)),
        seeds=seeds,
        factors=factors,
        contrasts=_parse_contrasts(path, tree.get("contrasts") or {}, factors[compare]),
        base=str(path.parent / tree["base"]),
        opts=shared,
        imports=imports,
        margin=_parse_margin(path, tree.get("margin")),
        test=_parse_test(path, tree.get("test", "t")),
        bounds=_parse_bounds(path, tree.get("bounds") or {}),
        prune=tree.get("prune"),
        search=parse_search(tree.get("search"), seeds, f"{path}: search"),
    )
    parse_pruning(study.prune, f"{path}: prune")
    for file in imports:
        if not any(getattr(module, "__file__", None) == file for module in list(sys.modules.values())):
            import_file(Path(file))
    study.runs.extend(expand(study, study.seeds))
    if all(run.error for run in study.runs):
        raise ConfigError(f"{path}: no variant can be built. First reason: {study.runs[0].error}")
    return study


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


def _parse_imports(path: Path, spec: Any) -> list[str]:
    files = [spec] if isinstance(spec, str) else spec
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise ConfigError(f"{path}: import is a Python file or a list of them, got {spec!r}.")
    return [str((path.parent / file).resolve()) for file in files]


def _parse_margin(path: Path, margin: Any) -> float | None:
    if margin is None:
        return None
    if isinstance(margin, bool) or not isinstance(margin, (int, float)) or not 0 < margin < float("inf"):
        raise ConfigError(f"{path}: margin is a positive difference of the metric (0.02 is 2 points), got {margin!r}.")
    return float(margin)


def _parse_test(path: Path, test: Any) -> str:
    if test not in TESTS:
        raise ConfigError(f"{path}: test is one of {', '.join(TESTS)}, got {test!r}.")
    return test


def _parse_bounds(path: Path, bounds: Any) -> dict[str, float]:
    numbers = isinstance(bounds, Mapping) and all(isinstance(v, (int, float)) for v in bounds.values())
    if not numbers:
        raise ConfigError(f"{path}: bounds are {{name: value of the metric}}, got {bounds!r}.")
    return {str(k): float(v) for k, v in bounds.items()}


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
