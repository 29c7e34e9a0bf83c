"""The report of a study: Markdown, CSV, JSON, one self-contained HTML page, hparams in VisualDL."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import reporting
from .plots import class_heatmap, seed_plot
from .results import Contrast, Row, collect, planned
from .runner import read_result
from .study import Study, describe


def write_report(study: Study, folder: Path) -> Path:
    """(Re)build all files of the report from the finished runs; returns the HTML page's path."""
    groups = collect(study, folder)
    (folder / "report.md").write_text(_markdown(study, groups), encoding="utf-8")
    (folder / "report.html").write_text(_html(study, groups), encoding="utf-8")
    content = [
        {"group": group, "variants": [_plain(row) for row in rows],
         "contrasts": [{**asdict(c), "verdict": c.comparison.verdict} for c in planned(study, rows)]}
        for group, rows in groups
    ]
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
            writer.add_hparams({**run.levels, "seed": run.seed}, metrics_list=[study.metric.name])
            writer.add_scalar(tag=study.metric.name, value=study.metric.of(result), step=0)


# -- formatting --------------------------------------------------------------------------------------------


def _table(study: Study, groups, *, with_group: bool) -> tuple[list[str], list[list[str]]]:
    names = list(groups[0][0]) if with_group else []
    header = [*names, study.compare, "n", study.metric.name, "difference", "95 % interval", "effect size",
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
            f"{row.name} {word} {study.baseline}: {c.difference:+.4f} {study.metric.name} "
            f"(95 % interval {c.low:+.4f} to {c.high:+.4f}, {c.n} seeds, Holm-corrected p = {c.p_holm:.4f})."
        )
    return said


def _contrast_table(found: list[Contrast]) -> tuple[list[str], list[list[str]]]:
    header = ["compared", "with", "n", "difference", "95 % interval", "p (Holm)", "verdict"]
    rows = []
    for item in found:
        c = item.comparison
        rows.append([item.name, item.other, str(c.n), f"{c.difference:+.4f}", f"{c.low:+.4f} .. {c.high:+.4f}",
                     f"{c.p_holm:.4f}", c.verdict])
    return header, rows


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
        if study.contrasts:
            parts += ["Planned comparisons:", reporting.markdown_table(*_contrast_table(planned(study, rows)))]
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
        if study.contrasts:
            found = planned(study, rows)
            colors = [{"better": "good", "worse": "bad"}.get(c.comparison.verdict, "") for c in found]
            sections += ["<h3>Planned comparisons</h3>", reporting.table(*_contrast_table(found), classes=colors)]
        holes = _holes(rows)
        if holes:
            items = "".join(f"<li class='bad'>{html.escape(h)}</li>" for h in holes)
            sections.append(f"<p>Holes in this table:</p><ul>{items}</ul>")
        if any(row.values for row in rows):
            name = study.metric.name
            sections.append(reporting.figure(seed_plot(rows, name), f"{name} of every seed; dashed: baseline"))
        if rows[0].class_iou and len(rows) > 1:
            sections.append(reporting.figure(class_heatmap(rows), "IoU of each class, difference to the baseline"))
    sections.append(f"<details><summary>The study</summary><pre>{html.escape(describe(study))}</pre></details>")
    return reporting.page(study.title, *sections)
