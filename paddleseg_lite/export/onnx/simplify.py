"""Small clean-ups of a traced graph before it is written.

Paddle records a convolution's bias as reshape and add, and keeps results nobody
uses (masks of dropout, statistics of batch normalisation). Everything beyond
that (folding batch normalisation, fusing activations) the backends do themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .fold import fold_constants
from .trace import Graph, Node, Value

_CONVS = {"conv2d", "depthwise_conv2d", "conv2d_transpose", "depthwise_conv2d_transpose"}
_INDEX_ARITHMETIC = {"floor_divide", "remainder", "scale", "add", "multiply", "subtract", "cast"}


def simplify(graph: Graph) -> Graph:
    """The same function in fewer nodes; nodes of ``graph`` are changed in place."""
    nodes = fold_constants(graph.nodes)
    _unpool_straight_from_the_pool(nodes)
    nodes = _biases(nodes, graph.outputs)
    return Graph(graph.inputs, graph.outputs, _used(nodes, graph.outputs))


def tensors(group: dict) -> Iterator[Value]:
    """The values of a node's inputs or outputs, lists flattened."""
    for value in group.values():
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value


def _biases(nodes: list[Node], outputs: list[Value]) -> list[Node]:
    """Give convolutions the bias that is added right after them."""
    uses = Counter(id(v) for n in nodes for v in tensors(n.inputs))
    uses.update(id(v) for v in outputs)
    made_by = {id(v): n for n in nodes for v in tensors(n.outputs)}
    dropped = set()
    for node in nodes:
        if node.op != "add":
            continue
        x, bias = node.inputs["x"], node.inputs["y"]
        conv = made_by.get(id(x))
        if conv is None or conv.op not in _CONVS or uses[id(x)] > 1 or conv.inputs.get("bias") is not None:
            continue
        if bias.const is None or bias.shape != (1, x.shape[1], 1, 1):
            continue
        conv.inputs["bias"] = Value(bias.name + "_bias", (x.shape[1],), bias.dtype, bias.const.reshape(-1))
        key = next(iter(conv.outputs))
        conv.outputs[key] = node.outputs["out"]
        made_by[id(node.outputs["out"])] = conv
        dropped.add(id(node))
    return [n for n in nodes if id(n) not in dropped]


def _unpool_straight_from_the_pool(nodes: list[Node]) -> None:
    """Let max-unpooling name the pooling it undoes.

    Where the map was padded to even sides before pooling, the network converts
    positions between the two widths; the window and the corner stay the same.
    """
    made_by = {id(v): n for n in nodes for v in tensors(n.outputs)}
    for node in nodes:
        if node.op != "unpool":
            continue
        todo, indices = [node.inputs["indices"]], None
        while todo and indices is None:
            value = todo.pop()
            maker = made_by.get(id(value))
            if maker is not None and maker.op == "max_pool2d_with_index":
                indices = value
            elif maker is not None and maker.op in _INDEX_ARITHMETIC:
                todo.extend(tensors(maker.inputs))
        if indices is not None:
            node.inputs["indices"] = indices


def _used(nodes: list[Node], outputs: list[Value]) -> list[Node]:
    """Nodes that some output depends on."""
    needed, kept = {id(v) for v in outputs}, []
    for node in reversed(nodes):
        if any(id(v) in needed for v in tensors(node.outputs)):
            kept.append(node)
            needed.update(id(v) for v in tensors(node.inputs))
    return kept[::-1]


def peak_bytes_per_pixel(graph: Graph) -> float:
    """Most bytes of activations alive at once, per input pixel: what a run needs at least."""
    last = {id(v): i for i, n in enumerate(graph.nodes) for v in tensors(n.inputs)}
    last.update((id(v), len(graph.nodes)) for v in graph.outputs)
    alive = {id(v): _bytes(v) for v in graph.inputs}
    peak = 0
    for index, node in enumerate(graph.nodes):
        alive.update((id(v), _bytes(v)) for v in tensors(node.outputs) if id(v) in last)
        peak = max(peak, sum(alive.values()))
        for key in [k for k in alive if last.get(k, -1) <= index]:
            del alive[key]
    n, _, height, width = graph.inputs[0].shape
    return peak / (n * height * width)


def _bytes(value: Value) -> int:
    return int(np.prod(value.shape)) * np.dtype(value.dtype).itemsize
