"""What the nodes of a unit look at: numbers, and a warning when they collapse.

Pictures are made by :mod:`paddleseg_lite.visualize.node_maps`.

For each graph of V nodes, with a_k the assignment map of node k and u_k its mean
over the pixels (u sums to 1):

    usage entropy      H(u) / log V: 1 if all nodes hold as many pixels, 0 if one holds all
    effective nodes    exp H(u)
    distinct nodes     groups of maps that differ by more than ``SAME_MAP`` from each other, where
                       two maps differ by the total variation 1/2 sum |a_i / sum a_i - a_j / sum a_j|
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import Tensor, nn

from ..errors import ConfigError
from .base import ContextUnit, Explanation, NodeUnit

__all__ = ["explain_model", "find_unit", "report"]

SAME_MAP = 0.05
FEW_USED, FEW_DISTINCT = 0.25, 0.5  # shares of V below which we call it a collapse


def find_unit(model: nn.Layer) -> NodeUnit:
    """The first unit with nodes in a model.

    Raises:
        ConfigError: there is none.
    """
    for layer in model.sublayers(include_self=True):
        if isinstance(layer, NodeUnit):
            return layer
    units = sorted({type(u).__name__ for u in model.sublayers() if isinstance(u, ContextUnit)})
    raise ConfigError(
        f"the model has no unit with nodes to explain ({', '.join(units) or 'no context unit at all'}): train one with "
        "context: {type: GloRe} (or GCU, GINet)."
    )


def explain_model(model: nn.Layer, images: Tensor) -> Explanation:
    """Explanation of a model's unit for an image batch ``[N, 3, H, W]``, in eval mode.

    Raises:
        ConfigError: the model has no unit with nodes.
    """
    unit, seen = find_unit(model), []

    def note(layer: nn.Layer, inputs: Any) -> Any:  # Paddle's own annotation knows no hook that changes nothing
        seen.append(inputs[0])

    hook = unit.register_forward_pre_hook(note)
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    model.eval()
    try:
        with paddle.no_grad():
            model(images)
            return unit.explain(seen[-1])
    finally:
        hook.remove()
        for layer, training in modes:
            layer.training = training


def report(explanation: Explanation, index: int = 0) -> dict[str, Any]:
    """Numbers for one image of the batch, ready for JSON.

    Returns:
        ``{"graphs": [{"nodes", "usage", "usage_entropy", "effective_nodes", "distinct_nodes"}], "warnings": [str]}``.
    """
    maps = image_maps(explanation.assignment, index)
    graphs, warnings = [], []
    for number, (start, size) in enumerate(spans(explanation.groups)):
        part = maps[start : start + size]
        usage = part.mean((1, 2))
        share = usage / max(usage.sum(), 1e-12)
        entropy = float(-(share * np.log(np.maximum(share, 1e-12))).sum())
        distinct = _distinct(part.reshape(size, -1))
        graphs.append(
            {
                "nodes": size,
                "usage": [float(u) for u in usage],
                "usage_entropy": entropy / np.log(size) if size > 1 else 1.0,
                "effective_nodes": float(np.exp(entropy)),
                "distinct_nodes": distinct,
            }
        )
        where = f"graph {number + 1} of {len(explanation.groups)}: " if len(explanation.groups) > 1 else ""
        if size > 1 and np.exp(entropy) < max(1.5, FEW_USED * size):
            warnings.append(f"{where}nodes collapse: {np.exp(entropy):.1f} of {size} nodes hold nearly all pixels.")
        if size > 1 and distinct <= FEW_DISTINCT * size:
            warnings.append(f"{where}nodes collapse: {size} nodes look at only {distinct} different place(s).")
    return {"graphs": graphs, "warnings": warnings}


def image_maps(tensor: Tensor, index: int) -> np.ndarray:
    """``[V, H, W]`` of one image, float64."""
    return np.asarray(tensor[index].astype("float32").numpy(), dtype="float64")


def spans(groups: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(start, size) of each graph."""
    return zip(np.cumsum([0, *groups[:-1]]).tolist(), groups)


def _distinct(rows: np.ndarray) -> int:
    """Number of maps ``[V, L]`` left when each stands for all that look like it."""
    rows = rows / np.maximum(rows.sum(1, keepdims=True), 1e-12)
    kept: list[np.ndarray] = []
    for row in rows:
        if row.any() and all(0.5 * np.abs(row - other).sum() > SAME_MAP for other in kept):
            kept.append(row)
    return len(kept)
