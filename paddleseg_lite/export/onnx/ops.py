"""What each Paddle operation is in ONNX (operator set 17).

A handler is ``f(writer, node) -> name``: the tensor that holds the node's first
output. Sizes go through ``w.ints``, which writes a constant, or reads the size
of another tensor where a graph serves all sizes (:mod:`.dynamic`). Only what the
networks and units here use is in the table; the error for anything else names
the operation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .dynamic import Dim, const_sizes, first, sizes
from .trace import Node, Value
from .writer import OnnxWriter

HANDLERS: dict[str, Callable] = {}
LOWEST = np.float32(np.finfo(np.float32).min)  # what max-pooling pads with


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


# -- layers with weights -----------------------------------------------------------------------


def _pads(attrs: dict) -> dict:
    """``pads`` (or ``auto_pad``) from Paddle's paddings and padding algorithm."""
    if attrs.get("padding_algorithm", "EXPLICIT") == "SAME":
        return {"auto_pad": "SAME_UPPER"}
    p = [int(v) for v in attrs["paddings"]]
    if attrs.get("padding_algorithm") == "VALID":
        p = [0, 0]
    return {"pads": [p[0], p[1], p[0], p[1]] if len(p) == 2 else [p[0], p[2], p[1], p[3]]}


@handles("conv2d", "depthwise_conv2d")
def conv(w: OnnxWriter, n: Node) -> str:
    weight, attrs = n.inputs["filter"], n.attrs
    inputs = [w.name(n.inputs["input"]), w.name(weight)]
    if n.inputs.get("bias") is not None:
        inputs.append(w.name(n.inputs["bias"]))
    return w.add(
        "Conv",
        *inputs,
        strides=attrs["strides"],
        dilations=attrs["dilations"],
        group=attrs["groups"],
        kernel_shape=weight.shape[2:],
        **_pads(attrs),
    )


@handles("conv2d_transpose", "depthwise_conv2d_transpose")
def deconv(w: OnnxWriter, n: Node) -> str:
    weight, attrs = n.inputs["filter"], n.attrs
    inputs = [w.name(n.inputs["x"]), w.name(weight)]
    if n.inputs.get("bias") is not None:
        inputs.append(w.name(n.inputs["bias"]))
    if attrs.get("padding_algorithm", "EXPLICIT") == "SAME":
        raise NotImplementedError(f"'{n.op}' with padding 'SAME', which the exporter does not handle.")
    pads = _pads(attrs)["pads"]
    natural = [  # the output's size without output_padding
        (size - 1) * stride + dilation * (kernel - 1) + 1 - before - after
        for size, stride, dilation, kernel, before, after in zip(
            n.inputs["x"].shape[2:], attrs["strides"], attrs["dilations"], weight.shape[2:], pads[:2], pads[2:]
        )
    ]
    extra = [size - least for size, least in zip(n.outputs["out"].shape[2:], natural)]
    return w.add(
        "ConvTranspose",
        *inputs,
        strides=attrs["strides"],
        dilations=attrs["dilations"],
        group=attrs["groups"],
        kernel_shape=weight.shape[2:],
        pads=pads,
        output_padding=extra,
    )


@handles("batch_norm")
def batch_norm(w: OnnxWriter, n: Node) -> str:
    mean = known(n, "mean")
    scale, bias = (
        w.constant(fill(mean)) if n.inputs[key] is None else w.name(n.inputs[key])  # norms without learned scale
        for key, fill in (("scale", np.ones_like), ("bias", np.zeros_like))
    )
    rest = [w.name(n.inputs[key]) for key in ("mean", "variance")]
    return w.add("BatchNormalization", w.name(n.inputs["x"]), scale, bias, *rest, epsilon=float(n.attrs["epsilon"]))


@handles("prelu")
def prelu(w: OnnxWriter, n: Node) -> str:
    alpha, x = known(n, "alpha"), n.inputs["x"]
    slope = alpha.reshape([-1] + [1] * (len(x.shape) - 2)) if n.attrs["mode"] == "channel" else alpha.reshape([1])
    return w.add("PRelu", w.name(x), w.constant(slope))


# -- one value in, one value out -----------------------------------------------------------------

_UNARY = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "sqrt": "Sqrt",
    "exp": "Exp",
    "log": "Log",
    "abs": "Abs",
    "floor": "Floor",
    "ceil": "Ceil",
    "assign": "Identity",
    "share_data": "Identity",
    "erf": "Erf",
    "logical_not": "Not",
    "hardswish": "HardSwish",
}


@handles(*_UNARY)
def unary(w: OnnxWriter, n: Node) -> str:
    return w.add(_UNARY[n.op], w.name(n.inputs["x"]))


@handles("dropout")
def dropout(w: OnnxWriter, n: Node) -> str:
    if n.attrs["mode"] == "upscale_in_train":
        return w.name(n.inputs["x"])
    keep = 1.0 - float(np.ravel(known(n, "p"))[0])
    return w.add("Mul", w.name(n.inputs["x"]), w.constant(np.float32(keep)))


@handles("relu6")
def relu6(w: OnnxWriter, n: Node) -> str:
    return w.add("Clip", w.name(n.inputs["x"]), w.constant(np.float32(0)), w.constant(np.float32(6)))


@handles("leaky_relu")
def leaky_relu(w: OnnxWriter, n: Node) -> str:
    return w.add("LeakyRelu", w.name(n.inputs["x"]), alpha=float(n.attrs["negative_slope"]))


@handles("clip")
def clip(w: OnnxWriter, n: Node) -> str:
    low, high = (np.float32(np.ravel(known(n, k))[0]) for k in ("min", "max"))
    return w.add("Clip", w.name(n.inputs["x"]), w.constant(low), w.constant(high))


@handles("scale")
def scale(w: OnnxWriter, n: Node) -> str:
    known(n, "scale")
    factors = [float(np.ravel(v.const)[0]) for v in (n.inputs["scale"], *n.inputs["scale"].twins)]
    bias, dtype = float(n.attrs["bias"]), n.inputs["x"].dtype
    steps = [] if set(factors) == {1.0} else [("Mul", factors)]
    if bias:
        steps.insert(len(steps) if n.attrs.get("bias_after_scale", True) else 0, ("Add", [bias]))
    y = w.name(n.inputs["x"])
    for kind, values in steps:
        y = w.add(kind, y, w.number(values, dtype))
    return y


@handles("softmax")
def softmax(w: OnnxWriter, n: Node) -> str:
    return w.add("Softmax", w.name(n.inputs["x"]), axis=int(n.attrs["axis"]))


@handles("cast")
def cast(w: OnnxWriter, n: Node) -> str:
    from .protobuf import DTYPES

    return w.add("Cast", w.name(n.inputs["x"]), to=DTYPES[n.outputs["out"].dtype])


# -- two values in -------------------------------------------------------------------------------

_BINARY = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "elementwise_pow": "Pow",
    "equal": "Equal",
    "greater_than": "Greater",
    "less_than": "Less",
    "greater_equal": "GreaterOrEqual",
    "less_equal": "LessOrEqual",
    "logical_and": "And",
    "logical_or": "Or",
}


@handles(*_BINARY)
def binary(w: OnnxWriter, n: Node) -> str:
    x, y = n.inputs["x"], n.inputs["y"]
    if n.op == "elementwise_pow" and y.const is not None and y.const.size == 1 and float(y.const.ravel()[0]) == 2:
        return w.add("Mul", w.name(x), w.name(x))  # Pow is slow, and not exact everywhere
    return w.add(_BINARY[n.op], w.name(x), w.name(y))


@handles("pow")
def power(w: OnnxWriter, n: Node) -> str:
    exponent, x = float(np.ravel(known(n, "y") if "y" in n.inputs else n.attrs["y"])[0]), w.name(n.inputs["x"])
    return w.add("Mul", x, x) if exponent == 2 else w.add("Pow", x, w.constant(np.float32(exponent)))


@handles("matmul", "bmm")
def matmul(w: OnnxWriter, n: Node) -> str:
    names = []
    for key, flag in (("x", "transpose_x"), ("y", "transpose_y")):
        value = n.inputs[key]
        name = w.name(value)
        if n.attrs.get(flag):
            rank = len(value.shape)
            name = w.add("Transpose", name, perm=[*range(rank - 2), rank - 1, rank - 2])
        names.append(name)
    return w.add("MatMul", *names)


@handles("where")
def where(w: OnnxWriter, n: Node) -> str:
    return w.add("Where", *(w.name(n.inputs[k]) for k in ("condition", "x", "y")))


@handles("full_like")
def full_like(w: OnnxWriter, n: Node) -> str:
    value = np.ravel(known(n, "value"))[0]
    out = n.outputs["out"]
    return w.add("Expand", w.constant(np.asarray(value, out.dtype)), w.ints(sizes(out)))


# -- reductions and pooling ----------------------------------------------------------------------


@handles("mean", "sum", "max", "min")
def reduce(w: OnnxWriter, n: Node) -> str:
    x, kind = n.inputs["x"], n.op.capitalize()
    axes = axes_of(n, len(x.shape)) or list(range(len(x.shape)))
    keep = int(n.attrs.get("keepdim", False))
    if kind == "Sum":
        return w.add("ReduceSum", w.name(x), w.ints(axes), keepdims=keep)
    return w.add(f"Reduce{kind}", w.name(x), axes=axes, keepdims=keep)


@handles("pool2d")
def pool2d(w: OnnxWriter, n: Node) -> str:
    x, attrs = n.inputs["x"], n.attrs
    kind = {"max": "Max", "avg": "Average"}[attrs["pooling_type"]]
    kernel = [int(k) for k in np.ravel(known(n, "kernel_size"))]
    if attrs["global_pooling"] or (attrs["adaptive"] and kernel == [1, 1]):
        return w.add(f"Global{kind}Pool", w.name(x))
    if attrs["adaptive"]:
        return _adaptive(w, x, kernel, "ReduceMax" if kind == "Max" else "ReduceMean")
    extra = {} if kind == "Max" else {"count_include_pad": int(not attrs["exclusive"])}
    return w.add(
        f"{kind}Pool",
        w.name(x),
        kernel_shape=kernel,
        strides=attrs["strides"],
        ceil_mode=int(attrs["ceil_mode"]),
        **_pads(attrs),
        **extra,
    )


def _adaptive(w: OnnxWriter, x: Value, bins, reduction: str) -> str:
    """Each bin ``[floor(i L / n), ceil((i + 1) L / n))`` cut out and reduced, one axis after the other."""
    y = w.name(x)
    for axis, count in ((2, bins[0]), (3, bins[1])):
        length, parts = sizes(x)[axis], []
        if isinstance(length, Dim):
            raise NotImplementedError("adaptive max-pooling of a map whose size is open")
        for i in range(count):
            start, stop = i * length // count, -(-(i + 1) * length // count)
            part = w.add("Slice", y, w.ints([start]), w.ints([stop]), w.ints([axis]))
            parts.append(w.add(reduction, part, axes=[axis], keepdims=1))
        y = w.add("Concat", *parts, axis=axis)
    return y


@handles("max_pool2d_with_index")
def max_pool_with_index(w: OnnxWriter, n: Node) -> str:
    """The pooled values; ``unpool`` finds the places again (see there)."""
    x, attrs = n.inputs["x"], n.attrs
    kernel = [int(k) for k in attrs["kernel_size"]]
    if attrs["adaptive"]:
        return _adaptive(w, x, kernel, "ReduceMax")
    source, ceil_mode = w.name(x), int(attrs["ceil_mode"])
    if ceil_mode and min(x.shape[2:]) < max(kernel):  # runtimes refuse a map smaller than the window
        source = fit(w, source, sizes(x)[2:], [2 * s for s in sizes(n.outputs["out"])[2:]], LOWEST)
        ceil_mode = 0
    return w.add("MaxPool", source, kernel_shape=kernel, strides=attrs["strides"], ceil_mode=ceil_mode, **_pads(attrs))


def fit(w: OnnxWriter, name: str, size: list, target: list, fill: float) -> str:
    """Cut or fill at the bottom and the right."""
    if list(size) == list(target):
        return name
    cut = [t if first(s) > first(t) else s for s, t in zip(size, target)]
    if cut != list(size):
        name = w.add("Slice", name, w.ints([0, 0]), w.ints(cut), w.ints([2, 3]))
    if cut != list(target):
        pads = [0, 0, 0, 0, 0, 0, target[0] - cut[0], target[1] - cut[1]]
        name = w.add("Pad", name, w.ints(pads), w.constant(np.float32(fill)))
    return name


# -- resizing ------------------------------------------------------------------------------------


@handles("bilinear_interp", "nearest_interp")
def interpolate(w: OnnxWriter, n: Node) -> str:
    x, out = n.inputs["x"], sizes(n.outputs["output"])
    if n.inputs.get("out_size") is not None or n.inputs.get("size_tensor") is not None:
        raise NotImplementedError(f"'{n.op}' with a size computed at run time")
    if sizes(x) == out:
        return w.name(x)
    if sizes(x)[2:] == [1, 1]:
        return w.add("Expand", w.name(x), w.ints([1, 1, *out[2:]]))
    if n.op == "nearest_interp":
        mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif n.attrs["align_corners"]:
        mode = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    elif n.attrs["align_mode"] == 1:
        mode = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
    else:  # half-pixel centres, and position 0 for a single target pixel: as Paddle
        mode = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
    return w.add("Resize", w.name(x), "", "", w.ints(out), **mode)


# -- shapes --------------------------------------------------------------------------------------


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
