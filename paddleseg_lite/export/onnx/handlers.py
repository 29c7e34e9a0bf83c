"""The table of handlers: what each Paddle operation is in ONNX (operator set 17).

A handler is ``f(writer, node) -> name``: the tensor that holds the node's first
output. Sizes go through ``w.ints``, which writes a constant, or reads the size
of another tensor where a graph serves all sizes (:mod:`.dynamic`). Only what the
networks and units here use is in the table; the error for anything else names
the operation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .dynamic import const_sizes
from .trace import Node, Value

HANDLERS: dict[str, Callable] = {}


def handles(*ops: str):
    """Register a handler for some operations."""

    def register(function):
        for op in ops:
            HANDLERS[op] = function
        return function

    return register


def known(node: Node, name: str) -> np.ndarray | None:
    """The constant given for an argument, or ``None`` where it was left out."""
    value = node.inputs.get(name)
    if value is None:
        return None
    if not isinstance(value, Value) or value.const is None:
        raise NotImplementedError(f"'{node.op}' has '{name}' computed at run time, which the exporter does not handle.")
    return value.const


def known_sizes(node: Node, name: str) -> list:
    """A constant argument that holds sizes or positions, which may follow the input's size."""
    known(node, name)
    return const_sizes(node.inputs[name])


def axes_of(node: Node, rank: int) -> list[int]:
    """The axis argument, counted from the front."""
    return [int(a) % rank for a in np.atleast_1d(known(node, "axis"))]
