"""Pictures of what the nodes of a unit look at."""

from __future__ import annotations

import numpy as np

from ..graph.base import Explanation
from ..graph.introspect import image_maps, spans
from ..language import mark, translate
from .fonts import readable

LARGEST = mark("its largest")
BLUE_AND_RED = mark("blue: what is here is subtracted from the node; red: what is here is added to it")


def render(
    explanation: Explanation, image: np.ndarray, *, index: int = 0, max_nodes: int = 24
) -> dict[str, np.ndarray]:
    """Pictures for one image of the batch, RGB uint8.

    Args:
        explanation: of a batch.
        image: the picture, uint8 ``[H, W, 3]``, any size.
        index: of the image in the batch.
        max_nodes: the most used ones are shown where there are more.

    Returns:
        ``"nodes"``: each node's map over the picture, with its share of the pixels (red
        adds and blue subtracts a pixel where the unit's map has signs);
        ``"owner"``: which node holds most of each pixel; ``"adjacency"``: heat map.
    """
    maps = image_maps(explanation.assignment, index)
    signed = None if explanation.projection is None else image_maps(explanation.projection, index)
    shown = np.sort(np.argsort(-maps.mean((1, 2)), kind="stable")[:max_nodes])
    names = _names(explanation.groups)
    return {
        "nodes": _draw_nodes(image, maps, signed, shown, names),
        "owner": _draw_owner(image, maps, explanation.groups),
        "adjacency": _draw_adjacency(explanation, index, names),
    }


def _said(text: str, *values: object) -> str:
    """A text of the catalogue with its values, in the language that the plot can show."""
    return readable(translate(text).format(*values), text.format(*values))


def _names(groups) -> list[str]:
    if len(groups) == 1:
        return [str(k) for k in range(groups[0])]
    return [f"{g + 1}.{k}" for g, size in enumerate(groups) for k in range(size)]


def _figure(width: float, height: float):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return figure, FigureCanvasAgg(figure)


def _pixels(canvas) -> np.ndarray:
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _over(axis, image, values, **style) -> None:
    """A coloured map over a greyed picture, in the picture's coordinates."""
    height, width = image.shape[:2]
    axis.imshow(image.mean(2), cmap="gray", vmin=-128, vmax=382, extent=(0, width, height, 0))
    axis.imshow(values, extent=(0, width, height, 0), interpolation="nearest", **style)
    axis.set_axis_off()


def _draw_nodes(image, maps, signed, shown, names) -> np.ndarray:
    columns = min(6, len(shown) + 1)
    rows = -(-(len(shown) + 1) // columns)
    aspect = image.shape[0] / image.shape[1]
    figure, canvas = _figure(1.9 * columns, (1.9 * aspect + 0.3) * rows + 0.9)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    axes[0].imshow(image)
    axes[0].set_title(_said(mark("picture")), fontsize=9)
    for axis, k in zip(axes[1:], shown):
        if signed is None:
            top = max(float(maps[k].max()), 1e-12)
            _over(axis, image, maps[k], cmap="inferno", vmin=0, vmax=top, alpha=np.clip(maps[k] / top, 0.15, 0.85))
        else:
            top = max(float(np.abs(signed[k]).max()), 1e-12)
            strength = np.clip(np.abs(signed[k]) / top, 0.1, 0.85)
            _over(axis, image, signed[k], cmap="bwr", vmin=-top, vmax=top, alpha=strength)
        axis.set_title(_said(mark("node {}: {:.1f} %"), names[k], 100 * maps[k].mean()), fontsize=9)
    _explain_colours(figure, axes, signed is not None)
    hidden = len(maps) - len(shown)
    title = mark("What each node looks at ({} less used ones not shown)") if hidden else mark("What each node looks at")
    figure.suptitle(_said(title, hidden), fontsize=11)
    return _pixels(canvas)


def _explain_colours(figure, axes, signed: bool) -> None:
    """A colour bar below all maps; each map has the scale of its own largest value."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    style = {"orientation": "horizontal", "aspect": 45, "shrink": 0.7}
    if signed:
        bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), "bwr"), ax=axes, ticks=[-1, 0, 1], **style)
        bar.ax.set_xticklabels([_said(LARGEST), "0", _said(LARGEST)])
        bar.set_label(_said(BLUE_AND_RED), fontsize=9)
    else:
        bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "inferno"), ax=axes, ticks=[0, 1], **style)
        bar.ax.set_xticklabels([_said(mark("none")), _said(LARGEST)])
        bar.set_label(_said(mark("how much of the pixel goes to the node")), fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _draw_owner(image, maps, groups) -> np.ndarray:
    from matplotlib import colormaps

    aspect = image.shape[0] / image.shape[1]
    figure, canvas = _figure(3.4 * len(groups) + 0.6, 3.2 * aspect + 0.6)
    axes = figure.subplots(1, len(groups), squeeze=False).ravel()
    for number, (axis, (start, size)) in enumerate(zip(axes, spans(groups))):
        colours = colormaps["tab20"] if size <= 20 else colormaps["hsv"]
        _over(
            axis,
            image,
            maps[start : start + size].argmax(0),
            cmap=colours.resampled(max(size, 2)),
            vmin=-0.5,
            vmax=max(size, 2) - 0.5,
            alpha=0.6,
        )
        title = mark("node that holds most of each pixel") if len(groups) == 1 else mark("graph {}")
        axis.set_title(_said(title, number + 1), fontsize=9)
        ticks = list(range(0, size, max(1, size // 10)))
        figure.colorbar(axis.images[-1], ax=axis, shrink=0.8, label=_said(mark("node")), ticks=ticks)
    return _pixels(canvas)


def _draw_adjacency(explanation, index, names) -> np.ndarray:
    adjacency = explanation.adjacency
    chosen = adjacency[index] if adjacency.ndim == 3 else adjacency
    matrix = np.asarray(chosen.astype("float32").numpy(), dtype="float64")  # NumPy has no bf16
    figure, canvas = _figure(5.2, 4.6)
    axis = figure.subplots()
    top = max(float(np.abs(matrix).max()), 1e-12)
    picture = axis.imshow(matrix, cmap="bwr", vmin=-top, vmax=top)
    step = max(1, len(matrix) // 16)
    ticks = list(range(0, len(matrix), step))
    axis.set_xticks(ticks, [names[t] for t in ticks], fontsize=7, rotation=90)
    axis.set_yticks(ticks, [names[t] for t in ticks], fontsize=7)
    axis.set_xlabel(_said(mark("from node")))
    axis.set_ylabel(_said(mark("to node")))
    axis.set_title(_said(mark("Adjacency: what a node takes in from the others")), fontsize=10)
    figure.colorbar(picture, ax=axis, shrink=0.85, label=_said(mark("red: added, blue: subtracted")))
    return _pixels(canvas)
