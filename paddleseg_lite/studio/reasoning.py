"""Questions to a context unit: what the nodes hold of a pixel, and what becomes of it without a node or an edge.

Nothing is drawn from assumptions. A node is switched off by setting its assignment map to zero, so that it neither
gathers from nor gives to any pixel, an edge by setting its weight to zero; all that follows is computed anew.

    GloRe, GINet     nodes of their (signed) projection; edges of I + W_n
    GCU              nodes of all graphs side by side; edges of softmax(Z Z^T)
    other nodes      (EMANet, OCR, ...) nodes only
    NonLocal         has no nodes: the places attended to, in blocks of a grid, stand for them; an edge is what one
                     block takes from another
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..errors import ConfigError
from ..graph import LearnedGCN, NodeUnit, NonLocal
from ..graph.gcn import GCNLayer
from ..graph.gcu import GCU
from ..graph.introspect import explain_model, spans
from ..inference.backend import logits_of
from ..inference.predictor import Loaded
from .insides import Scene, check_pixel, hooked, pixel_of

BLOCKS = 6  # a side of the grid that stands for the nodes of an attention
TOGETHER = 8  # copies of a picture in one pass

Edge = tuple[int, int]  # (to, from)


@dataclass(frozen=True)
class Reasoning:
    """A unit, as one pixel sees it.

    Attributes:
        unit: its name.
        nodes: their names, V.
        shares: how much the pixel belongs to each node ``[V]``; sums to 1 in each graph.
        maps: what each node looks at ``[V, h, w]``; negative where it subtracts.
        adjacency: ``[V, V]``; row i: what node i takes in from the others.
    """

    unit: str
    nodes: list[str]
    shares: np.ndarray
    maps: np.ndarray
    adjacency: np.ndarray


def find_unit(model: nn.Layer) -> NodeUnit | NonLocal:
    """The first unit that can be questioned.

    Raises:
        ConfigError: there is none.
    """
    for layer in model.sublayers(include_self=True):
        if isinstance(layer, (NodeUnit, NonLocal)):
            return layer
    raise ConfigError(
        "this network has no unit with nodes or attention to look into: train one with model.context={type: GloRe} (or "
        "GCU, GINet, NonLocal)."
    )


@paddle.no_grad()
def look(loaded: Loaded, looked: Scene, y: int, x: int) -> Reasoning:
    """The unit of a network as a pixel of the picture sees it."""
    check_pixel(looked, y, x)
    unit = find_unit(loaded.model)
    if isinstance(unit, NonLocal):
        return _look_at_attention(unit, loaded, looked, y, x)
    found = explain_model(loaded.model, looked.batch)
    assignment = _array(found.assignment)[0]
    row, column = looked.cell(y, x, *assignment.shape[1:])
    adjacency = _array(found.adjacency)
    return Reasoning(
        type(unit).__name__,
        _names(found.groups),
        assignment[:, row, column],
        assignment if found.projection is None else _array(found.projection)[0],
        adjacency[0] if adjacency.ndim == 3 else adjacency,
    )


def _names(groups: Sequence[int]) -> list[str]:
    if len(groups) == 1:
        return [str(k) for k in range(groups[0])]
    return [f"{g + 1}.{k}" for g, (_, size) in enumerate(spans(groups)) for k in range(size)]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.astype("float32").numpy()


@dataclass(frozen=True)
class Counterfactual:
    """A pixel and its picture, with the unit as it is and with a part of it switched off.

    Attributes:
        before, after: probabilities ``[K]`` at the pixel.
        labels_before, labels_after: class ids ``[H, W]`` of the picture.
    """

    before: np.ndarray
    after: np.ndarray
    labels_before: np.ndarray
    labels_after: np.ndarray

    @property
    def changed(self) -> float:
        """Share of the pixels whose class is another one."""
        return float((self.labels_before != self.labels_after).mean())


@paddle.no_grad()
def counterfactual(
    loaded: Loaded, looked: Scene, y: int, x: int, *, nodes: Sequence[int] = (), edges: Sequence[Edge] = ()
) -> Counterfactual:
    """What becomes of a pixel when nodes, or edges ``(to, from)``, are switched off.

    Raises:
        ConfigError: there is no such node, or the unit's edges cannot be taken away.
    """
    check_pixel(looked, y, x)
    plain = logits_of(loaded.model, looked.batch)
    with switched_off(loaded.model, [nodes], edges):
        without = logits_of(loaded.model, looked.batch)
    at = [F.softmax(pixel_of(looked, logits, y, x), axis=1).numpy()[0] for logits in (plain, without)]
    return Counterfactual(*at, looked.labels(plain), looked.labels(without))


@paddle.no_grad()
def without_each(
    loaded: Loaded, looked: Scene, y: int, x: int, nodes: Sequence[int] | None = None
) -> dict[int, np.ndarray]:
    """Probabilities ``[K]`` at a pixel without node v, for every v of ``nodes`` (all unless told), one at a time."""
    check_pixel(looked, y, x)
    chosen = list(range(count(find_unit(loaded.model)))) if nodes is None else list(nodes)
    found = {}
    for start in range(0, len(chosen), TOGETHER):
        part = chosen[start : start + TOGETHER]
        with switched_off(loaded.model, [[v] for v in part]):
            logits = logits_of(loaded.model, looked.batch.tile([len(part), 1, 1, 1]))
        found.update(zip(part, F.softmax(pixel_of(looked, logits, y, x), axis=1).numpy()))
    return found


def count(unit: NodeUnit | NonLocal) -> int:
    """Its nodes."""
    return BLOCKS**2 if isinstance(unit, NonLocal) else unit.num_nodes


@contextmanager
def switched_off(model: nn.Layer, nodes: Sequence[Sequence[int]], edges: Sequence[Edge] = ()) -> Iterator[None]:
    """A network with parts of its unit switched off.

    Args:
        nodes: for each image of the batch those that are off.
        edges: ``(to, from)``, off for all of them.

    Raises:
        ConfigError: there is no such node or edge.
    """
    unit = find_unit(model)
    total = count(unit)
    wrong = [
        v for v in [*(v for off in nodes for v in off), *(v for edge in edges for v in edge)] if not 0 <= v < total
    ]
    if wrong:
        raise ConfigError(f"{type(unit).__name__} has {total} nodes, numbered from 0, and no {wrong[0]}.")
    keep = np.ones([len(nodes), total], np.float32)
    for i, off in enumerate(nodes):
        keep[i, list(off)] = 0.0
    with ExitStack() as stack:
        if isinstance(unit, NonLocal):
            stack.enter_context(hooked(unit, _attention_without(keep, edges)))
        else:
            if edges:
                stack.enter_context(_edges_off(unit, edges))
            if (keep == 0).any():
                stack.enter_context(hooked(unit, _nodes_without(keep)))
        yield


def _nodes_without(keep: np.ndarray) -> Callable[..., Any]:
    def hook(unit: NodeUnit, given: Any, made: Any) -> Any:
        x = given[0]
        mask = paddle.to_tensor(keep).unsqueeze([-1, -1]).astype(x.dtype)
        return unit.reason(x, unit.assign(x) * mask)

    return hook


@contextmanager
def _edges_off(unit: NodeUnit, edges: Sequence[Edge]) -> Iterator[None]:
    inner = getattr(unit, "unit", unit)  # a control around a unit
    if isinstance(inner, GCU):
        with ExitStack() as stack:
            for (start, size), graph in zip(spans(inner.sizes), inner.graphs):
                own = [
                    (i - start, j - start) for i, j in edges if start <= i < start + size and start <= j < start + size
                ]
                for layer in (graph.gcn, *graph.further):
                    stack.enter_context(_messages_off(layer, own))
            yield
        return
    layers = [
        layer for name, layer in inner.named_sublayers() if isinstance(layer, LearnedGCN) and name != "semantic_gcn"
    ]
    if not layers or any(layer.conv1 is None for layer in layers):
        raise ConfigError(
            f"the edges of {type(unit).__name__} cannot be switched off: it passes no messages along them."
        )
    kept = [layer.conv1.weight.numpy() for layer in layers]
    try:
        for layer, weight in zip(layers, kept):
            changed = weight.copy()
            for i, j in edges:
                changed[i, j] = -1.0 if i == j else 0.0  # of I + W_n
            layer.conv1.weight.set_value(changed)
        yield
    finally:
        for layer, weight in zip(layers, kept):
            layer.conv1.weight.set_value(weight)


@contextmanager
def _messages_off(layer: GCNLayer, edges: Sequence[Edge]) -> Iterator[None]:
    def hook(layer: nn.Layer, given: Any) -> Any:
        h, adjacency = given
        keep = np.ones(adjacency.shape[-2:], np.float32)
        for i, j in edges:
            keep[i, j] = 0.0
        return h, adjacency * paddle.to_tensor(keep)

    handle = layer.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


# -- attention -------------------------------------------------------------------------------------


def _blocks(height: int, width: int) -> np.ndarray:
    """The block of each cell of a map, ``[height * width]``."""
    rows, columns = np.arange(height) * BLOCKS // height, np.arange(width) * BLOCKS // width
    return (rows[:, None] * BLOCKS + columns[None]).ravel()


def _attention_without(keep: np.ndarray, edges: Sequence[Edge]) -> Callable[..., Any]:
    def hook(unit: NonLocal, given: Any, made: Any) -> Any:
        x = given[0]
        to, source = _blocks(*x.shape[2:]), _blocks(*_source_size(unit, x))
        attention = unit.attention(x) * paddle.to_tensor(keep[:, source]).unsqueeze(1)
        for i, j in edges:
            lost = np.outer(to == i, source == j).astype(np.float32)
            attention = attention * (1 - paddle.to_tensor(lost))
        return unit.attend(x, attention), {}

    return hook


def _source_size(unit: NonLocal, x: Tensor) -> tuple[int, int]:
    h, w = (int(s) for s in x.shape[2:])
    return (h, w) if unit.pool is None else (-(-h // 2), -(-w // 2))


def _look_at_attention(unit: NonLocal, loaded: Loaded, looked: Scene, y: int, x: int) -> Reasoning:
    seen: list[Tensor] = []
    with hooked(unit, lambda layer, given, made: seen.append(given[0])):
        logits_of(loaded.model, looked.batch)
    features = seen[-1]
    attention = _array(unit.attention(features))[0]  # [L, L']
    size, sources = tuple(features.shape[2:]), _source_size(unit, features)
    row, column = looked.cell(y, x, *size)
    to, source = _blocks(*size), _blocks(*sources)
    total = BLOCKS**2
    of_block = np.stack([attention[:, source == v].sum(1) for v in range(total)], axis=1)  # [L, V]
    adjacency = np.stack([of_block[to == v].mean(0) if (to == v).any() else np.zeros(total) for v in range(total)])
    at_pixel = attention[row * size[1] + column].reshape(sources)
    maps = np.stack([np.where((source == v).reshape(sources), at_pixel, 0) for v in range(total)])
    names = [f"{v // BLOCKS + 1}/{v % BLOCKS + 1}" for v in range(total)]
    return Reasoning(type(unit).__name__, names, of_block[row * size[1] + column], maps, adjacency)
