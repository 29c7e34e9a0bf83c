"""The report of a study: Markdown, CSV, JSON, one self-contained HTML page, hparams in VisualDL."""

from __future__ import annotations

import html
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import reports
from ..files import write_csv, write_json, write_text
from ..outputs import whole_files
from ..reports.board import MARK, Board
from .plots import class_heatmap, seed_plot
from .results import Row, collect, planned, value_of
from .runner import read_result
from .study import Study, describe
from .tables import METHOD, contrast_table, cost_table, full_table, group_title, holes, result_table, sentences

REPORT_FILES = ("report.md", "report.html", "report.json", "report.csv")
COLORS = {"better": "good", "worse": "bad"}


def write_report(study: Study, folder: Path) -> Path:
    """(Re)build all files of the report from the finished runs; returns the HTML page's path."""
    groups = collect(study, folder)
    content = [
        {
            "group": group,
            "variants": [_plain(row) for row in rows],
            "contrasts": [{**asdict(c), "verdict": c.comparison.verdict} for c in planned(study, rows)],
        }
        for group, rows in groups
    ]
    with whole_files(folder) as new:
        write_text(new / "report.md", _markdown(study, groups))
        write_text(new / "report.html", _html(study, groups))
        write_json(new / "report.json", content, default=str)
        write_csv(new / "report.csv", *full_table(study, groups))
    return folder / "report.html"


def _plain(row: Row) -> dict[str, Any]:
    return {**asdict(row), "mean": row.mean, "std": row.std, "verdict": row.verdict}


def write_hparams(study: Study, folder: Path) -> None:
    """One VisualDL hparams entry per finished run, in place of those of an earlier report."""
    with whole_files(folder, stale=[f"vdl/*/{MARK}.*"]) as new:
        for run in study.runs:
            result = read_result(folder, run)
            if result is None or result["status"] != "done":
                continue
            value = value_of(study.metric, result)
            if isinstance(value, str):
                continue
            board = Board(new / "vdl" / run.key)
            board.add_hparams({**run.levels, "seed": run.seed}, [study.metric.name])
            board.add_scalar(study.metric.name, value, 0)


def _markdown(study: Study, groups) -> str:
    parts = [f"# {study.title}", METHOD]
    for group, rows in groups:
        parts += [f"## {group_title(group)}", reports.markdown_table(*result_table(study, rows))]
        parts += ["\n".join(f"* {s}" for s in [*sentences(study, rows), *(f"Hole: {h}" for h in holes(rows))])]
        if study.contrasts:
            parts += ["Planned comparisons:", reports.markdown_table(*contrast_table(planned(study, rows)))]
        parts += ["Cost:", reports.markdown_table(*cost_table(study, rows))]
    parts += ["## The study", f"```yaml\n{describe(study)}```"]
    return "\n\n".join(parts) + "\n"


def _html(study: Study, groups) -> str:
    sections = [f"<p>{html.escape(METHOD)}</p>"]
    for group, rows in groups:
        colors = [COLORS.get(row.verdict, "") for row in rows]
        sections += [f"<h2>{html.escape(group_title(group))}</h2>"]
        sections += [reports.table(*result_table(study, rows), classes=colors), _list(sentences(study, rows))]
        if holes(rows):
            sections += ["<p>Holes in this table:</p>", _list(holes(rows), "bad")]
        if any(row.values for row in rows):
            name = study.metric.name
            sections.append(reports.figure(seed_plot(rows, name), f"{name} of every seed; dashed: baseline"))
        if study.contrasts:
            found = planned(study, rows)
            colors = [COLORS.get(c.comparison.verdict, "") for c in found]
            sections += ["<h3>Planned comparisons</h3>", reports.table(*contrast_table(found), classes=colors)]
        sections += ["<h3>Cost</h3>", reports.table(*cost_table(study, rows))]
        if rows[0].class_iou and any(row.class_iou for row in rows[1:]):
            sections.append(reports.figure(class_heatmap(rows), "IoU of each class, points above the baseline's"))
    sections.append(f"<details><summary>The study</summary><pre>{html.escape(describe(study))}</pre></details>")
    return reports.page(study.title, *sections)


def _list(items: list[str], color: str = "") -> str:
    tag = f"<li class='{color}'>" if color else "<li>"
    return "<ul>" + "".join(f"{tag}{html.escape(item)}</li>" for item in items) + "</ul>"
