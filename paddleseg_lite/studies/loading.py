"""From a study file to a :class:`~.study.Study` with all its runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config.reading import read_tree
from ..errors import ConfigError, nearest
from ..files import expanded
from ..plugins import import_file
from .expanding import expand
from .metric import parse_metric
from .pruning import parse_pruning
from .search import parse_search
from .study import Study, parse_seeds

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


def _parse_imports(path: Path, spec: Any) -> list[str]:
    files = [spec] if isinstance(spec, str) else spec
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise ConfigError(f"{path}: import is a Python file or a list of them, got {spec!r}.")
    return [str(expanded(path.parent / file).resolve()) for file in files]


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
