"""One graph for all sizes, out of three traces.

A trace has numbers where a network computed with ``x.shape``. Tracing at three
sizes and laying the graphs side by side shows which numbers follow the input:
those that differ. Each is then read, when the model runs, from a tensor that
had the same three sizes; which one is found by looking.

Networks whose structure depends on the size (padding only where a side is odd)
are traced at multiples of 8, 16 or 32 and serve those only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError
from .simplify import tensors
from .trace import Graph, Node, Value

# (N, H, W) of the traces, by what sides must be a multiple of. Odd and even multiples are mixed, so that a
# network that needs more shows it; and on no map is one side always as long as another. The first row has every one
# of the lowest six bits both set and clear, along both sides: maps halved so often are odd here and even there.
TRACES = {
    1: ((1, 75, 102), (2, 116, 153), (3, 97, 130)),
    8: ((1, 72, 104), (2, 80, 144), (3, 136, 88)),
    16: ((1, 80, 112), (2, 96, 160), (3, 144, 80)),
    32: ((1, 64, 128), (2, 96, 224), (3, 160, 96)),
}
_SIZE_ATTRIBUTES = {"out_h", "out_w", "shape", "infer_flags"}


class SizeDependent(ConfigError):
    """The network cannot be written for all sizes; it can for one."""


@dataclass(frozen=True)
class Dim:
    """A number that follows the input's size: its value in each trace."""

    values: tuple[int, ...]

    def __add__(self, other):
        return make_dim([a + b for a, b in zip(self.values, spread(other, self))])

    def __sub__(self, other):
        return make_dim([a - b for a, b in zip(self.values, spread(other, self))])

    def __mul__(self, other):
        return make_dim([a * b for a, b in zip(self.values, spread(other, self))])

    __rmul__ = __mul__


def spread(x: int | Dim, like: Dim) -> Sequence[int]:
    """The values of a number in each trace."""
    return x.values if isinstance(x, Dim) else [int(x)] * len(like.values)


def first(x: int | Dim) -> int:
    """The value in the first trace."""
    return x.values[0] if isinstance(x, Dim) else int(x)


def make_dim(values: Sequence[int]) -> int | Dim:
    """A plain number where all traces have the same."""
    return int(values[0]) if len(set(values)) == 1 else Dim(tuple(int(v) for v in values))


def sizes(value: Value) -> list[int | Dim]:
    """The shape of a tensor, with :class:`Dim` where it follows the input."""
    return [make_dim(s) for s in zip(value.shape, *(twin.shape for twin in value.twins))]


def const_sizes(value: Value) -> list[int | Dim]:
    """A constant vector of sizes or positions, likewise."""
    return [make_dim(s) for s in zip(*(np.ravel(v.const).tolist() for v in (value, *value.twins)))]


def fits(shape: Sequence[int], fixed: Sequence[int] | None, multiple: int, layout: str = "NCHW") -> bool:
    """Whether a model of one ``fixed`` shape, or of any whose sides are multiples, takes ``shape``."""
    if fixed is not None:
        return tuple(shape) == tuple(fixed)
    return all(size % multiple == 0 for size, side in zip(shape, layout) if side in "HW")


def align(graphs: Sequence[Graph]) -> Graph:
    """The first graph, every tensor of which knows its twins in the others.

    Raises:
        SizeDependent: the graphs differ in more than sizes.
    """
    one, others = graphs[0], graphs[1:]
    if any(len(g.nodes) != len(one.nodes) for g in others):
        raise SizeDependent("the network takes another path at another size.")
    for values in zip(one.inputs, *(g.inputs for g in others)):
        values[0].twins = values[1:]
    for nodes in zip(one.nodes, *(g.nodes for g in others)):
        _align_nodes(nodes[0], nodes[1:])
    return one


def _align_nodes(one: Node, others: Sequence[Node]) -> None:
    for other in others:
        plain = [{k: str(v) for k, v in n.attrs.items() if k not in _SIZE_ATTRIBUTES} for n in (one, other)]
        if one.op != other.op or plain[0] != plain[1]:
            raise SizeDependent(f"the network does '{one.op}' differently at another size.")
    lists = [list(tensors(n.inputs)) for n in (one, *others)]
    if len({len(values) for values in lists}) > 1:
        raise SizeDependent(f"'{one.op}' takes other inputs at another size.")
    for x, *twins in zip(*lists):
        if x.const is not None and all(t.const is not None for t in twins):
            x.twins = tuple(twins)
        elif any(a is not b for a, b in zip(x.twins, twins)) or not x.twins:
            raise SizeDependent(f"'{one.op}' takes its input from elsewhere at another size.")
    for x, *twins in zip(*(tensors(n.outputs) for n in (one, *others))):
        x.twins = tuple(twins)
