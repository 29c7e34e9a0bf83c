"""A confusion matrix in a page: a table whose names stay in sight while it scrolls, readable from 2 to 150 classes."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from ..metrics.confusion import ConfusionMatrix

LEAST = 0.005  # shares below it are left empty

STYLE = """
.matrix { overflow: auto; max-height: 85vh; border: 1px solid var(--line); border-radius: 8px; width: fit-content;
  max-width: 100% }
.matrix table { border-collapse: separate; border-spacing: 0; font-size: .8rem }
.matrix th { position: sticky; background: Canvas; font-weight: 500; z-index: 1; border: 0 }
.matrix thead th { top: 0; vertical-align: bottom; padding: .4rem .1rem; border-bottom: 1px solid var(--line) }
.matrix thead th span { writing-mode: vertical-rl; max-height: 9rem; overflow: hidden }
.matrix tbody th { left: 0; text-align: right; padding: 0 .5rem; border-right: 1px solid var(--line); max-width: 8.5rem;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.matrix thead th:first-child { left: 0; z-index: 2; text-align: right; padding: .4rem .5rem }
.matrix td { min-width: 1.9rem; height: 1.6rem; padding: 0 .15rem; text-align: center; border: 0; white-space: nowrap }
.matrix tbody tr:hover td, .matrix tbody tr:hover th { box-shadow: inset 0 -1px var(--dim) }
.scale { display: flex; gap: .5rem; align-items: center; color: var(--dim); font-size: .85rem; margin: .5rem 0 }
.scale i { flex: 0 0 6rem; height: .8rem; border-radius: 3px; border: 1px solid var(--line);
  background: linear-gradient(to right, transparent, rgb(37 99 235 / .9)) }
"""


def confusion_table(matrix: ConfusionMatrix, class_names: Sequence[str]) -> str:
    """The matrix as HTML, rows truth, columns prediction, each row in per cent of its sum, with its colour scale.

    Args:
        matrix: ``[K, K]`` counts.
        class_names: K, plain text.
    """
    share = np.nan_to_num(matrix.normalized())
    names = [html.escape(str(name)) for name in class_names]
    head = "".join(f"<th><span>{name}</span></th>" for name in names)
    rows = []
    for truth, name in enumerate(names):
        cells = "".join(_cell(value, name, names[k]) for k, value in enumerate(share[truth].tolist()))
        rows.append(f"<tr><th title='{name}'>{name}</th>{cells}</tr>")
    return (
        "<div class='scale'><span>0&nbsp;%</span><i></i>"
        "<span>100 % of the true class (row) predicted as a class (column)</span></div>"
        f"<div class='matrix'><table><thead><tr><th>truth</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        "</div>"
    )


def _cell(share: float, truth: str, predicted: str) -> str:
    if share < LEAST:
        return "<td></td>"
    text = "white" if share > 0.55 else "inherit"
    style = f"background:rgb(37 99 235 / {0.9 * share:.2f});color:{text}"
    return f"<td style='{style}' title='{truth} as {predicted}: {100 * share:.1f} %'>{100 * share:.0f}</td>"
