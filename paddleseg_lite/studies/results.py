"""What a study has found so far: the values of every variant, and the comparisons between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .metric import Metric
from .runner import read_result
from .statistics import Comparison, compare_paired, holm
from .study import Study

COSTS = ("parameters", "gmacs", "latency_ms", "train_images_per_s", "peak_memory_mb")


@dataclass
class Row:
    """A variant within a group."""

    name: str
    values: dict[int, float] = field(default_factory=dict)  # seed -> metric
    failures: dict[int, str] = field(default_factory=dict)  # seed -> reason why there is no value
    missing: list[int] = field(default_factory=list)  # not run yet
    costs: dict[str, float] = field(default_factory=dict)  # medians over seeds
    class_iou: dict[str, float] = field(default_factory=dict)  # means over seeds
    comparison: Comparison | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.values.values()))) if self.values else float("nan")

    @property
    def std(self) -> float:
        return float(np.std(list(self.values.values()), ddof=1)) if len(self.values) > 1 else float("nan")

    @property
    def verdict(self) -> str:
        return self.comparison.verdict if self.comparison else ""


def collect(study: Study, folder: Path) -> list[tuple[dict[str, str], list[Row]]]:
    """``[(group, rows)]``; the baseline is each group's first row.

    Raises:
        ConfigError: no finished run has the study's metric.
    """
    _check_metric(study, folder)
    groups = []
    for group in study.groups():
        names = [study.baseline, *(n for n in study.factors[study.compare] if n != study.baseline)]
        rows = [_collect_row(study, folder, {**group, study.compare: name}, name) for name in names]
        _compare(rows)
        groups.append((group, rows))
    return groups


def _check_metric(study: Study, folder: Path) -> None:
    problem = None
    for run in study.runs:
        result = read_result(folder, run)
        if result is not None and result["status"] == "done":
            try:
                study.metric.of(result)
                return
            except ConfigError as e:
                problem = problem or e
    if problem is not None:
        raise problem


def value_of(metric: Metric, result: Mapping[str, Any]) -> float | str:
    """The metric of a run that is done, or the reason why there is none."""
    try:
        value = metric.of(result)
    except ConfigError as e:
        return str(e)
    if np.isnan(value):
        return f"{metric.name} is not defined here: a class that is neither in the labels nor predicted has no score"
    return value


def _collect_row(study: Study, folder: Path, levels: Mapping[str, str], name: str) -> Row:
    row, results = Row(name), []
    for seed in study.seeds:
        result = read_result(folder, study.find(levels, seed))
        if result is None:
            row.missing.append(seed)
        elif result["status"] != "done":
            row.failures[seed] = result["reason"]
        else:
            results.append(result)
            value = value_of(study.metric, result)
            if isinstance(value, str):
                row.failures[seed] = value
            else:
                row.values[seed] = value
    for cost in COSTS:
        known = [r[cost] for r in results if r.get(cost) is not None]
        if known:
            row.costs[cost] = float(np.median(known))
    classes = [r["metrics"].get("classes", {}) for r in results]
    for label in classes[0] if classes else ():
        ious = [c[label]["IoU"] for c in classes if c.get(label, {}).get("IoU") is not None]
        if ious:
            row.class_iou[label] = float(np.mean(ious))
    return row


def _compare(rows: list[Row]) -> None:
    """Pair every row with the first on the seeds both have, then correct within the group."""
    baseline, others = rows[0], rows[1:]
    for row in others:
        seeds = [s for s in row.values if s in baseline.values]
        row.comparison = compare_paired([row.values[s] for s in seeds], [baseline.values[s] for s in seeds])
    adjusted = holm([row.comparison.p for row in others])
    for row, p in zip(others, adjusted):
        row.comparison = replace(row.comparison, p_holm=p)


@dataclass(frozen=True)
class Contrast:
    """A planned comparison of two variants that are not the baseline."""

    name: str
    other: str
    comparison: Comparison


def planned(study: Study, rows: list[Row]) -> list[Contrast]:
    """The study's ``contrasts`` within one group, on the seeds both have; Holm over all of them."""
    by_name = {row.name: row for row in rows}
    found = []
    for name, others in study.contrasts.items():
        for other in others:
            one, two = by_name[name].values, by_name[other].values
            seeds = [s for s in one if s in two]
            found.append(Contrast(name, other, compare_paired([one[s] for s in seeds], [two[s] for s in seeds])))
    adjusted = holm([c.comparison.p for c in found])
    return [replace(c, comparison=replace(c.comparison, p_holm=p)) for c, p in zip(found, adjusted)]
