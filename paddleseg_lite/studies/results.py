"""What a study has found so far: the values of every variant, and the comparisons between them.

Every ``result.json`` is read once and only what the report shows of it is kept, so that ten thousand runs with their
confusion matrices pass through in a few megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .layout import read_result
from .metric import Metric
from .statistics import Comparison, compare_paired, corrected
from .study import Run, Study

COSTS = ("parameters", "gmacs", "latency_ms", "train_images_per_s", "peak_memory_mb")


@dataclass
class Record:
    """What is kept of one run.

    Attributes:
        status: done, failed, pruned or ``not run``.
        value: of the study's metric; None where ``reason`` says why not.
        iou: of each class.
        facts: versions and machine (see :mod:`.provenance`); one object for all runs that share them.
        started, ended: seconds since 1970.
    """

    run: Run
    status: str
    value: float | None = None
    reason: str = ""
    seconds: float | None = None
    costs: dict[str, float] = field(default_factory=dict)
    iou: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None


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


def read_records(study: Study, folder: Path) -> list[Record]:
    """One for each run, in the order of the study.

    Raises:
        ConfigError: no finished run has the study's metric.
    """
    shared: dict[Any, Any] = {}  # versions, machines and names are few: each is kept once
    records = [_record(study.metric, run, read_result(folder, run), shared) for run in study.runs]
    ended = [r for r in records if r.status == "done"]
    if ended and all(r.value is None for r in ended):
        result = read_result(folder, ended[0].run)
        study.metric.of(result)  # raises where it is the metric that is wrong
    return records


def _record(metric: Metric, run: Run, result: dict[str, Any] | None, shared: dict[Any, Any]) -> Record:
    if result is None:
        return Record(run, "not run")
    facts = dict(result.get("provenance", {}))
    started, ended = facts.pop("started", None), facts.pop("ended", None)
    facts = shared.setdefault(tuple(facts.items()), facts)
    record = Record(run, result["status"], seconds=result.get("seconds"), facts=facts, started=started, ended=ended)
    if record.status != "done":
        record.reason = result["reason"]
        return record
    value = value_of(metric, result)
    record.value, record.reason = (None, value) if isinstance(value, str) else (value, "")
    record.costs = {cost: float(result[cost]) for cost in COSTS if result.get(cost) is not None}
    classes = result["metrics"].get("classes", {})
    known = {name: entry.get("IoU") for name, entry in classes.items() if isinstance(entry, Mapping)}
    record.iou = {shared.setdefault(name, name): iou for name, iou in known.items() if iou is not None}
    return record


def collect(
    study: Study, folder: Path, records: Sequence[Record] | None = None
) -> list[tuple[dict[str, str], list[Row]]]:
    """``[(group, rows)]``; the baseline is each group's first row.

    Raises:
        ConfigError: no finished run has the study's metric.
    """
    found: dict[tuple, list[Record]] = {}
    for record in read_records(study, folder) if records is None else records:
        found.setdefault(_variant(study, record.run.levels), []).append(record)
    groups = []
    for group in study.groups():
        names = [study.baseline, *(n for n in study.factors[study.compare] if n != study.baseline)]
        rows = [_row(n, found.get(_variant(study, {**group, study.compare: n}), [])) for n in names]
        _compare(study, rows)
        groups.append((group, rows))
    return groups


def _variant(study: Study, levels: Mapping[str, str]) -> tuple:
    return tuple(levels[factor] for factor in study.factors)


def value_of(metric: Metric, result: Mapping[str, Any]) -> float | str:
    """The metric of a run that is done, or the reason why there is none."""
    try:
        value = metric.of(result)
    except ConfigError as e:
        return str(e)
    if np.isnan(value):
        return f"{metric.name} is not defined here: a class that is neither in the labels nor predicted has no score"
    return value


def _row(name: str, records: Sequence[Record]) -> Row:
    row = Row(name)
    for record in records:
        seed = record.run.seed
        if record.status == "not run":
            row.missing.append(seed)
        elif record.value is None:
            row.failures[seed] = record.reason
        else:
            row.values[seed] = record.value
    for cost in COSTS:
        known = [r.costs[cost] for r in records if cost in r.costs]
        if known:
            row.costs[cost] = float(np.median(known))
    for label in dict.fromkeys(label for r in records for label in r.iou):
        row.class_iou[label] = float(np.mean([r.iou[label] for r in records if label in r.iou]))
    return row


def _compare(study: Study, rows: list[Row]) -> None:
    """Pair every row with the first on the seeds both have, then correct within the group."""
    baseline, others = rows[0], rows[1:]
    for row, comparison in zip(others, corrected([_paired(study, row, baseline) for row in others])):
        row.comparison = comparison


def _paired(study: Study, one: Row, two: Row) -> Comparison:
    seeds = [s for s in one.values if s in two.values]
    return compare_paired(
        [one.values[s] for s in seeds], [two.values[s] for s in seeds], margin=study.margin, test=study.test
    )


@dataclass(frozen=True)
class Contrast:
    """A planned comparison of two variants that are not the baseline."""

    name: str
    other: str
    comparison: Comparison


def planned(study: Study, rows: list[Row]) -> list[Contrast]:
    """The study's ``contrasts`` within one group, on the seeds both have; Holm over all of them."""
    by_name = {row.name: row for row in rows}
    pairs = [(name, other) for name, others in study.contrasts.items() for other in others]
    found = corrected([_paired(study, by_name[one], by_name[two]) for one, two in pairs])
    return [Contrast(one, two, c) for (one, two), c in zip(pairs, found)]
