"""Tables and sentences of a study's report, as plain text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .results import Contrast, Row
from .statistics import LEVEL, Comparison
from .study import Study

if TYPE_CHECKING:
    from .search import Trial

Table = tuple[list[str], list[list[str]]]
COST_COLUMNS = (
    ("parameters", "parameters", ",.0f"),
    ("gmacs", "GMACs", ".3f"),
    ("latency_ms", "latency ms", ".1f"),
    ("train_images_per_s", "train images/s", ".1f"),
    ("peak_memory_mb", "peak MB", ",.0f"),
)
METHOD = (
    "Values are mean ± standard deviation over seeds of the last validation (never the best one). Differences are "
    "paired by seed and given in the metric's unit and in points (hundredths); the interval is Student's t at 95 %, "
    "uncorrected; p-values are corrected within a table by Holm's procedure; the effect size is the mean difference "
    "over its standard deviation, which says little where all seeds agree: look at the points then. The permutation "
    "test assumes no distribution, and with n seeds it cannot fall below 2/2^n. 'No evidence' means that this study "
    "cannot tell the two apart, not that they are equal; 'equivalent' is evidence that they differ by less than the "
    "margin (two one-sided t-tests), and needs a margin set beforehand. 'Seeds' is how many would show the margin "
    "(without one: the difference found) with power 0.8. Latency (median of ten single-image passes), images/s and "
    "memory are those of the run's own process; they suffer from whatever else the machine did meanwhile."
)
VANISHING = 20.0  # effect sizes beyond this come from a spread that has vanished


def compared(study: Study) -> tuple[str, ...]:
    """Headings of what :func:`_compared` gives."""
    verdict_by = "permutation" if study.test == "permutation" else "t"
    names = {"t": "p (t)", "permutation": "p (permutation)"}
    names[verdict_by] += " *"
    equivalent = () if study.margin is None else ("p (equivalent)",)
    return "difference", "points", "95 % interval", "effect size", *names.values(), *equivalent, "seeds"


def result_table(study: Study, rows: list[Row]) -> Table:
    """Scores and comparisons with the baseline, the verdict last."""
    header = [study.compare, "n", study.metric.name, *compared(study), "verdict"]
    return header, [_scores(study, row) for row in rows]


def cost_table(study: Study, rows: list[Row]) -> Table:
    """What each variant costs."""
    return [study.compare, *(title for _, title, _ in COST_COLUMNS)], [[row.name, *_costs(row)] for row in rows]


def full_table(study: Study, groups) -> Table:
    """Everything in one, for CSV."""
    header = [*groups[0][0], *result_table(study, [])[0], *cost_table(study, [])[0][1:]]
    return header, [[*group.values(), *_scores(study, row), *_costs(row)] for group, rows in groups for row in rows]


def contrast_table(study: Study, found: list[Contrast]) -> Table:
    """Planned comparisons."""
    header = ["compared", "with", "n", *compared(study), "verdict"]
    return header, [
        [c.name, c.other, str(c.comparison.n), *_compared(study, c.comparison), c.comparison.verdict] for c in found
    ]


def _scores(study: Study, row: Row) -> list[str]:
    value = "no finished seed"
    if row.values:
        value = f"{row.mean:.4f}" + (f" ± {row.std:.4f}" if len(row.values) > 1 else "")
    cells = [""] * len(compared(study)) if row.comparison is None else _compared(study, row.comparison)
    holes = [f"{len(found)} {what}" for found, what in ((row.failures, "failed"), (row.missing, "not run")) if found]
    verdict = "baseline" if row.comparison is None else row.verdict
    return [row.name, str(len(row.values)), value, *cells, "; ".join([verdict, *holes])]


def _compared(study: Study, c: Comparison) -> list[str]:
    more = len(compared(study)) - 2
    if not c.n:
        return ["-"] * (more + 2)
    difference = [f"{c.difference:+.4f}", f"{100 * c.difference:+.2f}"]
    if c.n < 2:
        return [*difference, *["-"] * more]
    vanishing = abs(c.effect_size) > VANISHING
    size = f"{'>' if c.difference > 0 else '< -'} {VANISHING:.0f}" if vanishing else f"{c.effect_size:+.1f}"
    ps = [c.p_holm, c.p_permutation_holm, *([] if study.margin is None else [c.p_equivalent_holm])]
    seeds = "-" if c.seeds_needed is None else str(c.seeds_needed)
    return [*difference, f"{c.low:+.4f} .. {c.high:+.4f}", size, *map(_p, ps), seeds]


def _p(p: float) -> str:
    return "-" if math.isnan(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def _costs(row: Row) -> list[str]:
    return [format(row.costs[key], spec) if key in row.costs else "-" for key, _, spec in COST_COLUMNS]


def sentences(study: Study, rows: list[Row]) -> list[str]:
    """The verdicts in words."""
    margin = f" of {100 * study.margin:g} points" if study.margin is not None else ""
    verdicts = {
        "better": f"Better than {study.baseline}",
        "better, within the margin": f"Better than {study.baseline}, by less than the margin{margin}",
        "worse": f"Worse than {study.baseline}",
        "worse, within the margin": f"Worse than {study.baseline}, by less than the margin{margin}",
        "equivalent": f"As good as {study.baseline} within the margin{margin}",
        "no evidence": f"No evidence of a difference to {study.baseline}",
        "one seed: no evidence": "One seed, which compares nothing",
        "no finished seed": f"No finished seed in common with {study.baseline}, nothing to compare",
    }
    sorted_rows: dict[str, list[str]] = {verdict: [] for verdict in verdicts}
    for row in rows[1:]:
        points = row.comparison.difference * 100
        sorted_rows[row.verdict].append(row.name + ("" if math.isnan(points) else f" ({points:+.2f} points)"))
    found = [f"{verdicts[v]}: {', '.join(names)}." for v, names in sorted_rows.items() if names]
    counts = [row.comparison.n for row in rows[1:]]
    least = min((n for n in counts if n > 1), default=0)
    if least and 2 / 2**least > 1 - LEVEL:
        found.append(f"With {least} seeds the permutation test cannot fall below {2 / 2**least:.3f}.")
    return found


def holes(rows: list[Row]) -> list[str]:
    """Runs without a value, with the reason."""
    failures = [(row.name, seed, reason) for row in rows for seed, reason in row.failures.items()]
    return [f"{name}, seed {seed}: {reason.splitlines()[0]}" for name, seed, reason in failures]


def search_table(study: Study, trials: Sequence[Trial]) -> Table:
    """What each variant was tried with: the best setting, how many trials it was the best of, and the range."""
    rows = []
    for variant in dict.fromkeys(t.variant for t in trials):
        own = [t for t in trials if t.variant == variant]
        valued = [t for t in own if t.value is not None]
        best = max(valued, key=lambda t: t.value, default=None)
        levels = ", ".join(json.loads(variant).values())
        settings = "-" if best is None else ", ".join(f"{k}={_short(v)}" for k, v in best.settings.items())
        values = "-" if best is None else f"{min(t.value for t in valued):.4f} .. {best.value:.4f}"
        notes = sorted({t.note for t in own if t.note})
        rows.append([levels, str(len(own)), str(len(own) - len(valued)), values, settings, "; ".join(notes)[:200]])
    return ["variant", "trials", "without a value", study.metric.name, "best setting", "notes"], rows


def _short(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def group_title(group: Mapping[str, str]) -> str:
    """``kind: spatial``."""
    return ", ".join(f"{k}: {v}" for k, v in group.items()) or "All runs"
