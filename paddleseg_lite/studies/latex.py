"""A study's tables for a paper: ``report.tex``, to be read in with ``\\input``; needs ``booktabs``."""

from __future__ import annotations

from collections.abc import Sequence

from .results import Row, planned
from .study import Study
from .tables import contrast_table, cost_table, group_title, result_table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "−": "$-$",
}


def latex_tables(study: Study, groups: Sequence[tuple[dict[str, str], list[Row]]]) -> str:
    """One ``table`` for each table of the report."""
    parts = [f"% {study.title}: tables; \\usepackage{{booktabs}}"]
    for group, rows in groups:
        title = f"{study.title}, {group_title(group)}"
        parts.append(_table(f"{title}: {study.metric.name}", *result_table(study, rows)))
        if study.contrasts:
            parts.append(_table(f"{title}: planned comparisons", *contrast_table(study, planned(study, rows))))
        parts.append(_table(f"{title}: cost", *cost_table(study, rows)))
    return "\n\n".join(parts) + "\n"


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(escape, row)) + r" \\" for row in (header, *rows)]
    columns = "l" + "r" * (len(header) - 2) + "l"
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    return (
        f"\\begin{{table}}\n\\centering\n\\caption{{{escape(caption)}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n\\end{{table}}"
    )


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_ESCAPES.get(c, c) for c in text)
