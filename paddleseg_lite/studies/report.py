"""The report of a study: Markdown, CSV, JSON, LaTeX, one self-contained HTML page, hparams in VisualDL.

``report.*`` hold what is compared; ``results.csv`` and ``results.json`` hold every run (:mod:`.tidy`).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import reports
from ..files import write_csv, write_json, write_text
from ..outputs import whole_files
from ..reports.board import MARK, Board
from .bounds import bounds_of
from .freezing import kept
from .latex import latex_tables
from .plots import class_heatmap, cost_plot, forest_plot, has_costs, seed_plot
from .results import Record, Row, collect, planned, read_records
from .search import Trial, read_trials
from .setting import setting_table
from .study import Study, describe
from .tables import (
    METHOD,
    contrast_table,
    cost_table,
    full_table,
    group_title,
    holes,
    result_table,
    search_table,
    sentences,
)
from .tidy import HEADER, tidy_rows, write_tidy_json

REPORT_FILES = ("report.md", "report.html", "report.json", "report.csv", "report.tex", "results.csv", "results.json")
COLORS = {"better": "good", "worse": "bad"}
EXPLORATION = (
    "This is an exploration: hopeless runs were ended early (asynchronous successive halving), so which runs ended "
    "depends on which came first. It shows where to look; it is no evidence. Confirm what it suggests with other seeds "
    "and without `prune:`."
)
MOST_ROWS, MOST_BOARDS, MOST_CARDS = 60, 500, 8  # variants in a plot; runs with an hparams entry; groups
Groups = list[tuple[dict[str, str], list[Row]]]


def write_report(study: Study, folder: Path) -> Path:
    """(Re)build all files of the report from the finished runs; returns the HTML page's path."""
    records = read_records(study, folder)
    groups = collect(study, folder, records)
    trials = read_trials(folder) if study.search is not None else []
    notes = _notes(study, folder, records)
    content = {
        "title": study.title,
        "metric": study.metric.name,
        "setting": dict(setting_table(study, records)[1]),
        "notes": notes,
        "groups": [_plain_group(study, group, rows) for group, rows in groups],
        "search": [asdict(t) for t in trials],
    }
    with whole_files(folder) as new:
        write_text(new / "report.md", _markdown(study, groups, records, trials, notes))
        write_text(new / "report.html", _html(study, groups, records, trials, notes))
        write_json(new / "report.json", content, default=str)
        write_csv(new / "report.csv", *full_table(study, groups))
        write_text(new / "report.tex", latex_tables(study, groups))
        write_csv(new / "results.csv", [*study.factors, *HEADER], tidy_rows(study, records))
        write_tidy_json(new / "results.json", study, records)
    return folder / "report.html"


def _notes(study: Study, folder: Path, records: Sequence[Record]) -> list[str]:
    """What must be said before any number."""
    return [*([EXPLORATION] if study.prune else []), kept(study, folder, records)]


def _plain_group(study: Study, group: dict[str, str], rows: list[Row]) -> dict[str, Any]:
    return {
        "group": group,
        "bounds": bounds_of(study, group),
        "variants": [{**asdict(r), "mean": r.mean, "std": r.std, "verdict": r.verdict} for r in rows],
        "contrasts": [{**asdict(c), "verdict": c.comparison.verdict} for c in planned(study, rows)],
    }


def write_hparams(study: Study, folder: Path) -> None:
    """One VisualDL hparams entry per finished run, in place of those of an earlier report; of the first 500."""
    with whole_files(folder, stale=[f"vdl/*/{MARK}.*"]) as new:
        done = [r for r in read_records(study, folder) if r.value is not None]
        for record in done[:MOST_BOARDS]:
            board = Board(new / "vdl" / record.run.key)
            board.add_hparams({**record.run.levels, "seed": record.run.seed}, [study.metric.name])
            board.add_scalar(study.metric.name, record.value, 0)


def _markdown(study: Study, groups: Groups, records, trials: Sequence[Trial], notes: Sequence[str]) -> str:
    parts = [f"# {study.title}", *(f"> {note}" for note in notes), METHOD]
    for group, rows in groups:
        parts += [f"## {group_title(group)}", reports.markdown_table(*result_table(study, rows))]
        parts += ["\n".join(f"* {s}" for s in [*sentences(study, rows), *(f"Hole: {h}" for h in holes(rows))])]
        bounds = bounds_of(study, group)
        if bounds:
            parts += [f"Bounds: {_bounds(bounds)}."]
        if study.contrasts:
            parts += ["Planned comparisons:", reports.markdown_table(*contrast_table(study, planned(study, rows)))]
        parts += ["Cost:", reports.markdown_table(*cost_table(study, rows))]
    parts += ["## How it was run", reports.markdown_table(*setting_table(study, records))]
    if trials:
        parts += ["## Search", SEARCH, reports.markdown_table(*search_table(study, trials))]
    parts += ["## The study", f"```yaml\n{describe(study)}```"]
    return "\n\n".join(parts) + "\n"


SEARCH = (
    "Settings were chosen by the search's own seeds; the tables above are of other seeds with the chosen settings. "
    "The values below are those a choice was made by: too good, and no evidence."
)


def _bounds(bounds: dict[str, float]) -> str:
    return "; ".join(f"{name} {value:.2f}" for name, value in bounds.items())


def _html(study: Study, groups: Groups, records, trials: Sequence[Trial], notes: Sequence[str]) -> str:
    sections = [f"<p><b>{html.escape(note)}</b></p>" for note in notes]
    sections += [reports.cards(headline(study, groups, records))]
    sections += [f"<details><summary>How to read the tables</summary><p>{html.escape(METHOD)}</p></details>"]
    for group, rows in groups:
        sections += [f"<h2>{html.escape(group_title(group))}</h2>"]
        sections += [reports.table(*result_table(study, rows), classes=[_color(row.verdict) for row in rows])]
        sections += [_list(sentences(study, rows))]
        if holes(rows):
            sections += ["<p>Holes in this table:</p>", _list(holes(rows), "bad")]
        sections += _plots(study, group, rows)
        if study.contrasts:
            found = planned(study, rows)
            colors = [_color(c.comparison.verdict) for c in found]
            sections += ["<h3>Planned comparisons</h3>"]
            sections += [reports.table(*contrast_table(study, found), classes=colors)]
        sections += ["<h3>Cost</h3>", reports.table(*cost_table(study, rows))]
    sections += ["<h2>How it was run</h2>", reports.table(*setting_table(study, records), wrap=True)]
    if trials:
        sections += ["<h2>Search</h2>", f"<p>{SEARCH}</p>", reports.table(*search_table(study, trials))]
    sections.append(f"<details><summary>The study</summary><pre>{html.escape(describe(study))}</pre></details>")
    return reports.page(study.title, *sections)


def headline(study: Study, groups: Groups, records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """How far the study is, and the variant that is furthest above the baseline in each of the first groups."""
    done = sum(record.value is not None for record in records)
    extent = f"{len(groups[0][1]) if groups else 0} variants, {len(study.seeds)} seeds"
    found = [("runs with a result", f"{done} of {len(records)}", extent)]
    for group, rows in groups[:MOST_CARDS]:
        better = [row for row in rows if row.verdict.startswith("better")]
        best = max(better, key=lambda row: row.comparison.difference, default=None)
        if best is None:
            found.append((group_title(group), "-", f"nothing better than {study.baseline}"))
        else:
            points = f"{best.name}: {100 * best.comparison.difference:+.2f} points over {study.baseline}"
            found.append((group_title(group), f"{best.mean:.4f}", points))
    return found


def _plots(study: Study, group: dict[str, str], rows: list[Row]) -> list[str]:
    """Pictures of one group; of many variants the first ones, which is said."""
    if not any(row.values for row in rows):
        return []
    cut = f" (the first {MOST_ROWS} of {len(rows)} variants)" if len(rows) > MOST_ROWS else ""
    name, shown, bounds = study.metric.name, rows[:MOST_ROWS], bounds_of(study, group)
    caption = f"{name} of every seed; dashed: baseline; dotted: bounds{cut}"
    sections = [reports.figure(seed_plot(shown, name, bounds), caption, wide=True)]
    if any(row.comparison is not None and row.comparison.n > 1 for row in shown):
        caption = f"difference to {study.baseline} in points, with its 95 % interval{cut}"
        plot = forest_plot(shown, study.margin, {b: v - rows[0].mean for b, v in bounds.items()})
        caption += "; shaded: the margin" if study.margin else ""
        sections.append(reports.figure(plot, caption, wide=True))
    if has_costs(shown):
        caption = f"what each gains over {study.baseline}, and what it costs{cut}"
        sections.append(reports.figure(cost_plot(shown), caption, wide=True))
    if rows[0].class_iou and any(row.class_iou for row in shown[1:]):
        caption = f"IoU of each class in points above {study.baseline} (blue) or below it (red){cut}"
        sections.append(reports.figure(class_heatmap(shown), caption, wide=True))
    return sections


def _color(verdict: str) -> str:
    return COLORS.get(verdict.partition(",")[0], "")


def _list(items: list[str], color: str = "") -> str:
    tag = f"<li class='{color}'>" if color else "<li>"
    return "<ul>" + "".join(f"{tag}{html.escape(item)}</li>" for item in items) + "</ul>"
