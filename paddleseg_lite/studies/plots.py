"""Plots of a study as PNG bytes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from ..reports.plots import pyplot, to_png

COLORS = {"better": "#15803d", "worse": "#b91c1c", "equivalent": "#1d4ed8"}
PLAIN = "#475569"


def _color(row) -> str:
    return COLORS.get(row.verdict.partition(",")[0], PLAIN)


def seed_plot(rows, metric: str, bounds: Mapping[str, float] | None = None) -> bytes:
    """A dot per seed, a bar for the mean, a line at the baseline's mean, dotted lines at the bounds."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7.5, 0.8 + 0.38 * len(rows)))
    for y, row in enumerate(rows):
        values = list(row.values.values())
        color = _color(row)
        axes.scatter(values, np.full(len(values), y), s=22, color=color, alpha=0.6, zorder=3)
        if values:
            axes.plot([row.mean, row.mean], [y - 0.3, y + 0.3], color=color, lw=2.5, zorder=4)
    if rows[0].values:
        axes.axvline(rows[0].mean, color="#94a3b8", ls="--", lw=1, zorder=1)
    _bounds(axes, bounds or {})
    _named(axes, rows, metric)
    return to_png(figure)


def forest_plot(rows, margin: float | None = None, bounds: Mapping[str, float] | None = None) -> bytes:
    """Difference of each row to the first in points, with its interval; the margin shaded, bounds dotted."""
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7.5, 0.9 + 0.36 * len(rows)))
    if margin is not None:
        axes.axvspan(-100 * margin, 100 * margin, color="#e2e8f0", zorder=0)
    axes.axvline(0.0, color="#94a3b8", lw=1, zorder=1)
    for y, row in enumerate(rows):
        c = row.comparison
        if c is None or not c.n:
            continue
        color = _color(row)
        if c.n > 1:
            axes.plot([100 * c.low, 100 * c.high], [y, y], color=color, lw=1.6, zorder=2)
        axes.plot(100 * c.difference, y, "s", color=color, ms=5, zorder=3)
    _bounds(axes, {name: 100 * value for name, value in (bounds or {}).items()})
    _named(axes, rows, f"points above {rows[0].name}")
    return to_png(figure)


_HEIGHTS = [height for up in range(0, 54, 9) for height in (3 + up, -9 - up)]  # of a name beside its point
COSTS = {"gmacs": "GMACs", "latency_ms": "ms a picture"}


def cost_plot(rows) -> bytes:
    """Points above the first row against multiply-adds and milliseconds, a named dot for each row that has both."""
    plt = pyplot()
    figure, panels = plt.subplots(1, len(COSTS), figsize=(11.0, 5.0), sharey=True, layout="constrained")
    drawn = []
    for axes, (key, label) in zip(panels, COSTS.items()):
        points = {}
        for row in _costed(rows):
            color = _color(row)
            points[row.name] = (row.costs[key], 100 * row.comparison.difference if row.comparison else 0.0, color)
            axes.plot(*points[row.name][:2], "o", color=color, ms=5)
        axes.axhline(0.0, color="#94a3b8", lw=1, zorder=1)
        axes.set_xlabel(label)
        axes.margins(x=0.12, y=0.08)
        axes.grid(alpha=0.25)
        drawn.append((axes, points))
    panels[0].set_ylabel(f"points above {rows[0].name}")
    for axes, points in drawn:
        _names_beside(axes, points)
    return to_png(figure)


def _names_beside(axes, points: Mapping[str, tuple[float, float, str]]) -> None:
    """A name beside each point, where none stands yet: right or left of it, else further up or down."""
    from matplotlib.transforms import Bbox

    axes.figure.canvas.draw()  # the layout is settled here
    renderer = axes.figure.canvas.get_renderer()
    dots = axes.transData.transform([(x, y) for x, y, _ in points.values()])
    taken = [Bbox([dot - 5, dot + 5]) for dot in dots]
    for name, (x, y, color) in sorted(points.items(), key=lambda item: -item[1][1]):
        text = axes.annotate(name, (x, y), textcoords="offset points", xytext=(0, 0), fontsize=7, color=color)
        for height, side in product(_HEIGHTS, ("left", "right")):
            text.set(ha=side, position=(5 if side == "left" else -5, height))
            box = text.get_window_extent(renderer)
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def has_costs(rows) -> bool:
    """Whether there is something to draw in :func:`cost_plot` beside the first row."""
    return any(row is not rows[0] for row in _costed(rows))


def _costed(rows) -> list:
    """Rows with every cost and a difference to the first; and the first itself."""
    return [
        row
        for row in rows
        if all(np.isfinite(row.costs.get(key, np.nan)) for key in COSTS)
        and (row is rows[0] or (row.comparison is not None and row.comparison.n))
    ]


def _bounds(axes, bounds: Mapping[str, float]) -> None:
    for name, value in bounds.items():
        if np.isfinite(value):
            axes.axvline(value, color="#b45309", ls=":", lw=1, zorder=1)
            axes.text(value, -0.6, name, fontsize=6, color="#b45309", ha="center", va="bottom")


def _named(axes, rows, label: str) -> None:
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.25)


def class_heatmap(rows) -> bytes:
    """IoU difference to the first row, class by class."""
    plt = pyplot()
    classes = list(rows[0].class_iou)
    others = [row for row in rows[1:] if row.class_iou]
    values = np.array([[row.class_iou.get(c, np.nan) - rows[0].class_iou[c] for c in classes] for row in others])
    values = values.reshape(len(others), len(classes))
    limit = max(0.01, float(np.nanmax(np.abs(values))) if values.size else 0.01)
    figure, axes = plt.subplots(figsize=(1.8 + 0.62 * len(classes), 1.2 + 0.36 * len(others)))
    picture = axes.imshow(100 * values, cmap="RdBu", vmin=-100 * limit, vmax=100 * limit, aspect="auto")
    figure.colorbar(picture, fraction=0.04, pad=0.02, label="points")
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(others)), [row.name for row in others])
    if len(classes) <= 20:
        for y, x in np.ndindex(values.shape):
            color = "white" if abs(values[y, x]) > 0.6 * limit else "black"
            axes.text(x, y, f"{100 * values[y, x]:+.1f}", ha="center", va="center", fontsize=7, color=color)
    return to_png(figure)
