"""Plots of a study as PNG bytes."""

from __future__ import annotations

import numpy as np

from ..reports.plots import pyplot, to_png


def seed_plot(rows, metric: str) -> bytes:
    """A dot per seed, a bar for the mean, a line at the baseline's mean."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7.5, 0.8 + 0.38 * len(rows)))
    for y, row in enumerate(rows):
        values = list(row.values.values())
        color = {"better": "#15803d", "worse": "#b91c1c"}.get(row.verdict, "#475569")
        axes.scatter(values, np.full(len(values), y), s=22, color=color, alpha=0.6, zorder=3)
        if values:
            axes.plot([row.mean, row.mean], [y - 0.3, y + 0.3], color=color, lw=2.5, zorder=4)
    if rows[0].values:
        axes.axvline(rows[0].mean, color="#94a3b8", ls="--", lw=1, zorder=1)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(metric)
    axes.grid(axis="x", alpha=0.25)
    return to_png(figure)


def class_heatmap(rows) -> bytes:
    """IoU difference to the first row, class by class."""
    plt = pyplot()
    classes = list(rows[0].class_iou)
    others = [row for row in rows[1:] if row.class_iou]
    values = np.array([[row.class_iou.get(c, np.nan) - rows[0].class_iou[c] for c in classes] for row in others])
    values = values.reshape(len(others), len(classes))
    limit = max(0.01, float(np.nanmax(np.abs(values))) if values.size else 0.01)
    figure, axes = plt.subplots(figsize=(1.8 + 0.62 * len(classes), 1.2 + 0.36 * len(others)))
    axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(others)), [row.name for row in others])
    if len(classes) <= 20:
        for y, x in np.ndindex(values.shape):
            color = "white" if abs(values[y, x]) > 0.6 * limit else "black"
            axes.text(x, y, f"{100 * values[y, x]:+.1f}", ha="center", va="center", fontsize=7, color=color)
    return to_png(figure)
