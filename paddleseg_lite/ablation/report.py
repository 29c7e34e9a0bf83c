"""The report of a study: Markdown, CSV, JSON, one self-contained HTML page, hparams in VisualDL."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import reporting
from .plots import class_heatmap, seed_plot
from .runner import metric_value, read_result
from .statistics import Comparison, compare_paired, holm
from .study import Study, describe

COSTS = ("parameters", "gmacs", "latency_ms", "train_images_per_s", "peak_memory_mb")


@dataclass
class Row:
    """A variant within a group."""

    name: str
    values: dict[int, float] = field(default_factory=dict)  # seed -> metric
    failures: dict[int, str] = field(default_factory=dict)  # seed -> reason
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
    """``[(group, rows)]``; the baseline is each group's first row."""
    groups = []
    for group in study.groups():
        names = [study.baseline, *(n for n in study.factors[study.compare] if n != study.baseline)]
        rows = [_collect_row(study, folder, {**group, study.compare: name}, name) for name in names]
        _compare(rows)
        groups.append((group, rows))
    return groups


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
            row.values[seed] = metric_value(result, study.metric)
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


def write_report(study: Study, folder: Path) -> Path:
    """(Re)build all files of the report from the finished runs; returns the HTML page's path."""
    groups = collect(study, folder)
    (folder / "report.md").write_text(_markdown(study, groups), encoding="utf-8")
    (folder / "report.html").write_text(_html(study, groups), encoding="utf-8")
    content = [{"group": group, "variants": [_plain(row) for row in rows]} for group, rows in groups]
    (folder / "report.json").write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        header, table = _table(study, groups, with_group=True)
        writer.writerow(header)
        writer.writerows(table)
    return folder / "report.html"


def _plain(row: Row) -> dict[str, Any]:
    return {**asdict(row), "mean": row.mean, "std": row.std, "verdict": row.verdict}


def write_hparams(study: Study, folder: Path) -> None:
    """One VisualDL hparams entry per finished run."""
    from visualdl import LogWriter

    for run in study.runs:
        result = read_result(folder, run)
        if result is None or result["status"] != "done":
            continue
        with LogWriter(logdir=str(folder / "vdl" / run.key)) as writer:
            writer.add_hparams({**run.levels, "seed": run.seed}, metrics_list=[study.metric])
            writer.add_scalar(tag=study.metric, value=metric_value(result, study.metric), step=0)


# -- formatting --------------------------------------------------------------------------------------------


def _table(study: Study, groups, *, with_group: bool) -> tuple[list[str], list[list[str]]]:
    names = list(groups[0][0]) if with_group else []
    header = [*names, study.compare, "n", study.metric, "difference", "95 % interval", "effect size",
              "p (Holm)", "parameters", "GMACs", "latency ms", "train images/s", "peak MB", "verdict"]
    rows = []
    for group, variants in groups:
        for row in variants:
            rows.append([*(group[n] for n in names), *_cells(row)])
    return header, rows


def _cells(row: Row) -> list[str]:
    c = row.comparison
    costs = row.costs
    value = f"{row.mean:.4f} ± {row.std:.4f}" if row.values else "-"
    compared = ["baseline", "", "", ""] if c is None else [
        f"{c.difference:+.4f}", f"{c.low:+.4f} .. {c.high:+.4f}", f"{c.effect_size:+.2f}", f"{c.p_holm:.4f}"
    ]
    numbers = [
        f"{costs['parameters']:,.0f}" if "parameters" in costs else "-",
        *(f"{costs[k]:.{d}f}" if k in costs else "-" for k, d in
          (("gmacs", 3), ("latency_ms", 1), ("train_images_per_s", 1), ("peak_memory_mb", 0))),
    ]
    holes = []
    if row.failures:
        holes.append(f"{len(row.failures)} failed")
    if row.missing:
        holes.append(f"{len(row.missing)} not run")
    verdict = "; ".join(filter(None, [row.verdict, *holes]))
    return [row.name, str(len(row.values)), value, *compared, *numbers, verdict]


def _sentences(study: Study, rows: list[Row]) -> list[str]:
    """The verdicts in words."""
    said = []
    for row in rows[1:]:
        c = row.comparison
        if c.n < 2:
            said.append(f"{row.name}: too few finished seeds to compare ({c.n}).")
            continue
        word = {"better": "is better than", "worse": "is worse than"}.get(row.verdict, "shows no evidence against")
        said.append(
            f"{row.name} {word} {study.baseline}: {c.difference:+.4f} {study.metric} "
            f"(95 % interval {c.low:+.4f} to {c.high:+.4f}, {c.n} seeds, Holm-corrected p = {c.p_holm:.4f})."
        )
    return said


def _holes(rows: list[Row]) -> list[str]:
    failures = [(row.name, seed, reason) for row in rows for seed, reason in row.failures.items()]
    return [f"{name}, seed {seed}: {reason.splitlines()[0]}" for name, seed, reason in failures]


def _title(group: Mapping[str, str]) -> str:
    return ", ".join(f"{k}: {v}" for k, v in group.items()) or "All runs"


METHOD = (
    "Values are mean ± standard deviation over seeds of the last validation (never the best one). Differences are "
    "paired by seed; the interval is Student's t at 95 %, uncorrected; p-values are corrected within a group by Holm's "
    "procedure; the effect size is the mean difference over its standard deviation. 'no evidence' means that this "
    "study cannot tell the two apart, not that they are equal. Latency is the median of single-image passes in the "
    "run's own process and suffers from what else the machine did."
)


def _markdown(study: Study, groups) -> str:
    parts = [f"# {study.title}", METHOD]
    for group, rows in groups:
        header, table = _table(study, [(group, rows)], with_group=False)
        parts += [f"## {_title(group)}", reporting.markdown_table(header, table)]
        parts += ["\n".join(f"* {s}" for s in [*_sentences(study, rows), *(f"Hole: {h}" for h in _holes(rows))])]
    parts += ["## The study", f"```yaml\n{describe(study)}```"]
    return "\n\n".join(parts) + "\n"


def _html(study: Study, groups) -> str:
    import html

    sections = [f"<p class='lead'>{html.escape(METHOD)}</p>"]
    for group, rows in groups:
        header, table = _table(study, [(group, rows)], with_group=False)
        colors = [{"better": "good", "worse": "bad"}.get(row.verdict, "") for row in rows]
        sections += [f"<h2>{html.escape(_title(group))}</h2>", reporting.table(header, table, classes=colors)]
        sections.append("<ul>" + "".join(f"<li>{html.escape(s)}</li>" for s in _sentences(study, rows)) + "</ul>")
        holes = _holes(rows)
        if holes:
            items = "".join(f"<li class='bad'>{html.escape(h)}</li>" for h in holes)
            sections.append(f"<p>Holes in this table:</p><ul>{items}</ul>")
        if any(row.values for row in rows):
            sections.append(reporting.figure(seed_plot(rows, study.metric), f"{study.metric} of every seed"))
        if rows[0].class_iou and len(rows) > 1:
            sections.append(reporting.figure(class_heatmap(rows), "IoU of each class, difference to the baseline"))
    sections.append(f"<details><summary>The study</summary><pre>{html.escape(describe(study))}</pre></details>")
    return reporting.page(study.title, *sections)
