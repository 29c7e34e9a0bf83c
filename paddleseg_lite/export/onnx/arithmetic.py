"""Arithmetic: operations of one value, of two values, and reductions."""

from __future__ import annotations

import numpy as np

from .dynamic import sizes
from .handlers import axes_of, handles, known
from .trace import Node
from .writer import OnnxWriter

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
    return w.cast(w.name(n.inputs["x"]), n.outputs["out"].dtype)


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


# -- reductions ---------------------------------------------------------------------------------


@handles("p_norm")
def p_norm(w: OnnxWriter, n: Node) -> str:
    kind = {1.0: "ReduceL1", 2.0: "ReduceL2"}.get(float(n.attrs["porder"]))
    if kind is None or n.attrs["asvector"]:
        raise NotImplementedError(f"'p_norm' of order {n.attrs['porder']}")
    axis = int(n.attrs["axis"]) % len(n.inputs["x"].shape)
    return w.add(kind, w.name(n.inputs["x"]), axes=[axis], keepdims=int(n.attrs["keepdim"]))


@handles("mean", "sum", "max", "min")
def reduce(w: OnnxWriter, n: Node) -> str:
    x, kind = n.inputs["x"], n.op.capitalize()
    axes = axes_of(n, len(x.shape)) or list(range(len(x.shape)))
    keep = int(n.attrs.get("keepdim", False))
    if kind == "Sum":
        return w.add("ReduceSum", w.name(x), w.ints(axes), keepdims=keep)
    return w.add(f"Reduce{kind}", w.name(x), axes=axes, keepdims=keep)
