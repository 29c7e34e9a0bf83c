"""Tables and sentences of a study's report, as plain text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .results import Contrast, Row
from .statistics import Comparison
from .study import Study

Table = tuple[list[str], list[list[str]]]
COST_COLUMNS = (
    ("parameters", "parameters", ",.0f"),
    ("gmacs", "GMACs", ".3f"),
    ("latency_ms", "latency ms", ".1f"),
    ("train_images_per_s", "train images/s", ".1f"),
    ("peak_memory_mb", "peak MB", ",.0f"),
)
COMPARED = ("difference", "95 % interval", "effect size", "p (Holm)")
METHOD = (
    "Values are mean ± standard deviation over seeds of the last validation (never the best one). Differences are "
    "paired by seed; the interval is Student's t at 95 %, uncorrected; p-values are corrected within a table by Holm's "
    "procedure; the effect size is the mean difference over its standard deviation. 'No evidence' means that this "
    "study cannot tell the two apart, not that they are equal. Latency (median of ten single-image passes), images/s "
    "and memory are those of the run's own process; they suffer from whatever else the machine did meanwhile."
)


def result_table(study: Study, rows: list[Row]) -> Table:
    """Scores and comparisons with the baseline, the verdict last."""
    header = [study.compare, "n", study.metric.name, *COMPARED, "verdict"]
    return header, [_scores(row) for row in rows]


def cost_table(study: Study, rows: list[Row]) -> Table:
    """What each variant costs."""
    return [study.compare, *(title for _, title, _ in COST_COLUMNS)], [[row.name, *_costs(row)] for row in rows]


def full_table(study: Study, groups) -> Table:
    """Everything in one, for CSV."""
    header = [*groups[0][0], *result_table(study, [])[0], *cost_table(study, [])[0][1:]]
    return header, [[*group.values(), *_scores(row), *_costs(row)] for group, rows in groups for row in rows]


def contrast_table(found: list[Contrast]) -> Table:
    """Planned comparisons."""
    header = ["compared", "with", "n", *COMPARED, "verdict"]
    return header, [
        [c.name, c.other, str(c.comparison.n), *_compared(c.comparison), c.comparison.verdict] for c in found
    ]


def _scores(row: Row) -> list[str]:
    value = "-"
    if row.values:
        value = f"{row.mean:.4f}" + (f" ± {row.std:.4f}" if len(row.values) > 1 else "")
    compared = ["", "", "", ""] if row.comparison is None else _compared(row.comparison)
    holes = [f"{len(found)} {what}" for found, what in ((row.failures, "failed"), (row.missing, "not run")) if found]
    verdict = "baseline" if row.comparison is None else row.verdict
    return [row.name, str(len(row.values)), value, *compared, "; ".join([verdict, *holes])]


def _compared(c: Comparison) -> list[str]:
    if not c.n:
        return ["-"] * 4
    if c.n < 2:
        return [f"{c.difference:+.4f}", "-", "-", "-"]
    p = "-" if math.isnan(c.p_holm) else "< 0.0001" if c.p_holm < 0.0001 else f"{c.p_holm:.4f}"
    return [f"{c.difference:+.4f}", f"{c.low:+.4f} .. {c.high:+.4f}", f"{c.effect_size:+.1f}", p]


def _costs(row: Row) -> list[str]:
    return [format(row.costs[key], spec) if key in row.costs else "-" for key, _, spec in COST_COLUMNS]


def sentences(study: Study, rows: list[Row]) -> list[str]:
    """The verdicts in words."""
    verdicts = {
        "better": f"Better than {study.baseline}",
        "worse": f"Worse than {study.baseline}",
        "no evidence": f"No evidence of a difference to {study.baseline}",
        "": "Too few finished seeds to compare",
    }
    sorted_rows: dict[str, list[str]] = {verdict: [] for verdict in verdicts}
    for row in rows[1:]:
        c = row.comparison
        difference = "" if math.isnan(c.difference) else f" ({c.difference:+.4f})"
        sorted_rows[row.verdict if c.n > 1 else ""].append(f"{row.name}{difference}")
    return [f"{verdicts[v]}: {', '.join(names)}." for v, names in sorted_rows.items() if names]


def holes(rows: list[Row]) -> list[str]:
    """Runs without a value, with the reason."""
    failures = [(row.name, seed, reason) for row in rows for seed, reason in row.failures.items()]
    return [f"{name}, seed {seed}: {reason.splitlines()[0]}" for name, seed, reason in failures]


def group_title(group: Mapping[str, str]) -> str:
    """``kind: spatial``."""
    return ", ".join(f"{k}: {v}" for k, v in group.items()) or "All runs"
