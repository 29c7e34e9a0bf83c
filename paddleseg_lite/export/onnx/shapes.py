"""Shapes: operations that only move values."""

from __future__ import annotations

import numpy as np

from .dynamic import sizes
from .handlers import axes_of, handles, known, known_sizes
from .trace import Node
from .writer import OnnxWriter


@handles("reshape")
def reshape(w: OnnxWriter, n: Node) -> str:
    return w.add("Reshape", w.name(n.inputs["x"]), w.ints(sizes(n.outputs["out"])))


@handles("flatten", "squeeze", "unsqueeze")
def reshape_like_output(w: OnnxWriter, n: Node) -> str:
    return reshape(w, n)


@handles("transpose")
def transpose(w: OnnxWriter, n: Node) -> str:
    return w.add("Transpose", w.name(n.inputs["x"]), perm=n.attrs["perm"])


@handles("concat")
def concat(w: OnnxWriter, n: Node) -> str:
    return w.add("Concat", *(w.name(v) for v in n.inputs["x"]), axis=axes_of(n, len(n.outputs["out"].shape))[0])


@handles("stack")
def stack(w: OnnxWriter, n: Node) -> str:
    axis = int(n.attrs["axis"]) % len(n.outputs["out"].shape)
    parts = [w.add("Unsqueeze", w.name(v), w.ints([axis])) for v in n.inputs["x"]]
    return w.add("Concat", *parts, axis=axis)


@handles("split", "split_with_num")
def split(w: OnnxWriter, n: Node) -> list[str]:
    parts, axis = n.outputs["out"], axes_of(n, len(n.inputs["x"].shape))[0]
    names = w.add(
        "Split", w.name(n.inputs["x"]), w.ints([sizes(p)[axis] for p in parts]), outputs=len(parts), axis=axis
    )
    return names if len(parts) > 1 else [names]


@handles("slice")
def cut(w: OnnxWriter, n: Node) -> str:
    starts, ends, axes = known_sizes(n, "starts"), known_sizes(n, "ends"), n.attrs["axes"]
    y = w.add("Slice", w.name(n.inputs["input"]), w.ints(starts), w.ints(ends), w.ints(axes))
    return w.add("Reshape", y, w.ints(sizes(n.outputs["out"]))) if n.attrs.get("decrease_axis") else y


@handles("strided_slice")
def strided_cut(w: OnnxWriter, n: Node) -> str:
    parts = [known_sizes(n, k) for k in ("starts", "ends")]
    steps = known(n, "strides")
    return w.add("Slice", w.name(n.inputs["x"]), *(w.ints(p) for p in parts), w.ints(n.attrs["axes"]), w.ints(steps))


@handles("expand")
def expand(w: OnnxWriter, n: Node) -> str:
    return w.add("Expand", w.name(n.inputs["x"]), w.ints(sizes(n.outputs["out"])))


@handles("eye")
def eye(w: OnnxWriter, n: Node) -> str:
    out = n.outputs["out"]
    if all(isinstance(side, int) for side in sizes(out)):
        return w.constant(np.eye(*out.shape, dtype=out.dtype))
    return w.add("EyeLike", w.add("Expand", w.constant(np.zeros([1, 1], out.dtype)), w.ints(sizes(out))))


@handles("tile")
def tile(w: OnnxWriter, n: Node) -> str:
    return w.add("Tile", w.name(n.inputs["x"]), w.ints(known(n, "repeat_times")))


@handles("pad3d")
def pad3d(w: OnnxWriter, n: Node) -> str:
    left, right, top, bottom, front, back = known_sizes(n, "paddings")
    mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[n.attrs["mode"]]
    pads = w.ints([0, 0, front, top, left, 0, 0, back, bottom, right])
    return w.add("Pad", w.name(n.inputs["x"]), pads, w.constant(np.float32(n.attrs["pad_value"])), mode=mode)


@handles("pad")
def pad(w: OnnxWriter, n: Node) -> str:
    p = [int(v) for v in n.attrs["paddings"]]
    value = known(n, "pad_value") if n.inputs.get("pad_value") is not None else n.attrs.get("pad_value", 0.0)
    return w.add("Pad", w.name(n.inputs["x"]), w.ints(p[::2] + p[1::2]), w.constant(np.float32(np.ravel(value)[0])))
