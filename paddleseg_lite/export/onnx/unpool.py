"""Max-unpooling in ONNX, which has no scatter that CPU backends run fast.

SegNet and ENet put values back where 2x2 / 2 max-pooling took others from. The
pooled map is compared with the four corners of every window; the first that
equals it (Paddle's order on a tie) is the place. Unpooling writes the value in
one of four planes, zero in the others, and interleaves the planes.
"""

from __future__ import annotations

import numpy as np

from .dynamic import sizes
from .handlers import handles
from .layers import LOWEST, fit, halving
from .trace import Node
from .writer import OnnxWriter

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


@handles("unpool")
def unpool(w: OnnxWriter, n: Node) -> str:
    x, out = n.inputs["x"], n.outputs["out"]
    pool = w.producers.get(id(n.inputs["indices"]))
    if pool is None or pool.op != "max_pool2d_with_index" or not halving(pool):
        raise NotImplementedError("max-unpooling whose indices do not come straight from 2x2 max-pooling of stride 2")
    if any(not 0 <= big - small <= 1 for big, small in zip(pool.inputs["x"].shape[2:], out.shape[2:])):
        raise NotImplementedError("max-unpooling to another size than the pooled map had")
    value, zero = w.name(x), w.constant(np.float32(0))
    planes = [w.add("Where", mask, value, zero) for mask in _places(w, pool)]
    y = w.add("DepthToSpace", w.add("Concat", *planes, axis=1), blocksize=2, mode="DCR")
    return fit(w, y, [2 * s for s in sizes(x)[2:]], sizes(out)[2:], 0.0)


def _places(w: OnnxWriter, pool: Node) -> list[str]:
    """Four masks ``[N, C, h, w]``, exactly one true everywhere: the corner the maximum came from."""
    if id(pool) in w.places:
        return w.places[id(pool)]
    source, pooled = pool.inputs["x"], w.name(pool.outputs["out"])
    even = [2 * s for s in sizes(pool.outputs["out"])[2:]]
    x = fit(w, w.name(source), sizes(source)[2:], even, LOWEST)
    masks: list[str] = []
    free = None  # not yet taken by an earlier corner
    for dy, dx in _CORNERS[:3]:
        corner = w.add("Slice", x, w.ints([dy, dx]), w.ints(even), w.ints([2, 3]), w.ints([2, 2]))
        equal = w.add("Equal", corner, pooled)
        masks.append(equal if free is None else w.add("And", equal, free))
        other = w.add("Not", equal)
        free = other if free is None else w.add("And", free, other)
    w.places[id(pool)] = [*masks, free]
    return w.places[id(pool)]
