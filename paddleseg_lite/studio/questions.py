"""What the tab Look inside shows of one pixel: pictures, rows of tables, and parts to switch off read from text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..reports.plots import pyplot, to_png
from ..visualize import overlay, panel, rgb
from . import insides, marks, reasoning
from .networks import Network

SHOWN = 8  # nodes whose maps are drawn
TRIED = 24  # nodes that are switched off one by one, those that hold most of the pixel


@dataclass(frozen=True)
class Asked:
    """Everything about a pixel that needs no further choice."""

    probabilities: np.ndarray
    field: insides.Field
    pyramids: list[list[insides.Branch]]
    reasoning: reasoning.Reasoning | None
    without: dict[int, np.ndarray]


def ask(network: Network, looked: insides.Scene, y: int, x: int) -> Asked:
    """Question a pixel of a picture."""
    loaded = network.open
    sure = insides.probabilities(loaded, looked, y, x)
    field = insides.receptive_field(loaded, looked, y, x)
    pyramids = [insides.branches(loaded, looked, y, x, p) for p in insides.find_pyramids(loaded.model)]
    try:
        reasoning.find_unit(loaded.model)
    except ConfigError:
        return Asked(sure, field, pyramids, None, {})
    seen = reasoning.look(loaded, looked, y, x)
    first = np.argsort(-seen.shares, kind="stable")[:TRIED]
    return Asked(sure, field, pyramids, seen, reasoning.without_each(loaded, looked, y, x, [int(v) for v in first]))


def probability_rows(asked: Asked, names: list[str], most: int = 12) -> list[tuple[str, float]]:
    """Name and probability of the most probable classes."""
    return [(names[k], float(asked.probabilities[k])) for k in np.argsort(-asked.probabilities)[:most]]


def outcome(before: np.ndarray, after: np.ndarray, names: list[str]) -> list[str]:
    """Three cells: the probability of the class that was predicted, before and after, and the class afterwards."""
    k, then = int(before.argmax()), int(after.argmax())
    return [f"{100 * before[k]:.1f} %", f"{100 * after[k]:.1f} %", names[then] if then != k else "="]


def branch_picture(looked: insides.Scene, branches: list[insides.Branch], y: int, x: int) -> np.ndarray:
    """What each branch of a pyramid took from, side by side."""
    shown = [marks.with_cross(marks.with_boxes(looked.image, b.boxes, b.weights), y, x) for b in branches]
    return panel(shown)


def node_picture(looked: insides.Scene, seen: reasoning.Reasoning, y: int, x: int) -> bytes:
    """Maps of the nodes that hold most of a pixel, PNG; blue where a node subtracts."""
    plt = pyplot()
    first = np.argsort(-seen.shares, kind="stable")[:SHOWN]
    columns = math.ceil(math.sqrt(len(first)))
    lines = -(-len(first) // columns)
    aspect = looked.size[0] / looked.size[1]
    figure, axes = plt.subplots(lines, columns, figsize=(2.4 * columns, (2.4 * aspect + 0.35) * lines), squeeze=False)
    for axis in axes.ravel():
        axis.set_axis_off()
    extent = (0, looked.size[1], looked.size[0], 0)
    for axis, v in zip(axes.ravel(), first):
        top = max(float(np.abs(seen.maps[v]).max()), 1e-12)
        values = looked.on_picture(seen.maps[v])
        signed = bool((seen.maps[v] < 0).any())
        axis.imshow(rgb(looked.image).mean(2), cmap="gray", vmin=-128, vmax=382, extent=extent)
        strength = np.clip(np.abs(values) / top, 0.1, 0.85)
        axis.imshow(
            values,
            cmap="bwr" if signed else "inferno",
            vmin=-top if signed else 0,
            vmax=top,
            alpha=strength,
            extent=extent,
        )
        axis.plot(x + 0.5, y + 0.5, "+", color="white", ms=12, mew=3)
        axis.plot(x + 0.5, y + 0.5, "+", color="black", ms=11, mew=1.2)
        axis.set_title(f"{seen.nodes[v]}: {100 * seen.shares[v]:.1f} %", fontsize=9)
    return to_png(figure, dpi=90)


def adjacency_picture(seen: reasoning.Reasoning) -> bytes:
    """Rows of the adjacency of the nodes that hold most of a pixel, PNG."""
    plt = pyplot()
    first = np.argsort(-seen.shares, kind="stable")[:SHOWN]
    rows = seen.adjacency[first]
    figure, axis = plt.subplots(figsize=(max(4.5, 0.22 * rows.shape[1] + 1.5), 0.32 * len(first) + 1.3))
    top = max(float(np.abs(rows).max()), 1e-12)
    drawn = axis.imshow(rows, cmap="bwr", vmin=-top, vmax=top, aspect="auto")
    axis.set_yticks(range(len(first)), [seen.nodes[v] for v in first], fontsize=8)
    step = max(1, rows.shape[1] // 24)
    axis.set_xticks(range(0, rows.shape[1], step), seen.nodes[::step], fontsize=7, rotation=90)
    axis.set_xlabel("from node")
    axis.set_ylabel("to node")
    figure.colorbar(drawn, ax=axis, shrink=0.9)
    return to_png(figure, dpi=90)


def before_after(looked: insides.Scene, found: reasoning.Counterfactual, palette: Any, y: int, x: int) -> np.ndarray:
    """Both overlays side by side, the pixel marked."""
    pair = (found.labels_before, found.labels_after)
    return panel([marks.with_cross(overlay(rgb(looked.image), ids, palette), y, x) for ids in pair])


def parse_nodes(text: str, names: list[str]) -> list[int]:
    """``"3, 5"`` as places in ``names``.

    Raises:
        ConfigError: a name that no node has.
    """
    return [_place(word, names) for word in re.split(r"[,;\s，；]+", text or "") if word]


def parse_edges(text: str, names: list[str]) -> list[tuple[int, int]]:
    """``"3<5, 2<2"``: what 3 takes from 5, and 2 from itself.

    Raises:
        ConfigError: it is none, or of no such nodes.
    """
    found = []
    for word in re.split(r"[,;\s，；]+", re.sub(r"\s*<\s*", "<", text or "")):
        if word:
            to, arrow, source = word.partition("<")
            if not arrow:
                raise ConfigError(f"'{word[:40]}' is no edge: write to<from, for example {names[0]}<{names[-1]}.")
            found.append((_place(to, names), _place(source, names)))
    return found


def _place(word: str, names: list[str]) -> int:
    if word not in names:
        raise ConfigError(f"there is no node '{word[:40]}': they are called {names[0]} to {names[-1]}.")
    return names.index(word)
