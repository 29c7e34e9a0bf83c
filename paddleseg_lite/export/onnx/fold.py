"""Computing at export what does not depend on the image.

GINet's class nodes, for one, are the same for every image. Folding them is not
only faster: OpenVINO 2026.4.1 computes such a branch wrongly (a product of two
constants behind a convolution came out with errors of 100 %).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from .trace import Node, Value

_LARGEST = 1 << 20  # numbers in a folded result; larger ones cost more in the file than they save


def fold_constants(nodes: list[Node]) -> list[Node]:
    """Nodes that depend on the input; the results of the others become constants."""
    kept = []
    for node in nodes:
        main = next(iter(node.outputs.values()))
        if node.op not in _EVALUATE or not isinstance(main, Value) or np.prod(main.shape) > _LARGEST:
            kept.append(node)
            continue
        arguments = {k: _tensor(v) for k, v in node.inputs.items()}
        if any(a is _UNKNOWN for a in arguments.values()):
            kept.append(node)
            continue
        with paddle.no_grad():
            result = _EVALUATE[node.op](arguments, node.attrs, main)
        main.const = np.asarray(result.numpy(), dtype=main.dtype).reshape(main.shape)
    return kept


_UNKNOWN = object()


def _tensor(value) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        parts = [_tensor(v) for v in value]
        return _UNKNOWN if any(p is _UNKNOWN for p in parts) else parts
    return _UNKNOWN if value.const is None else paddle.to_tensor(value.const)


def _conv(a, attrs, out):
    return F.conv2d(
        a["input"], a["filter"], a.get("bias"), attrs["strides"], attrs["paddings"], attrs["dilations"], attrs["groups"]
    )


def _batch_norm(a, attrs, out):
    return F.batch_norm(a["x"], a["mean"], a["variance"], a["scale"], a["bias"], epsilon=attrs["epsilon"])


def _scale(a, attrs, out):
    return paddle.scale(a["x"], a["scale"], attrs["bias"], attrs.get("bias_after_scale", True))


def _matmul(a, attrs, out):
    return paddle.matmul(a["x"], a["y"], attrs["transpose_x"], attrs["transpose_y"])


def _reduce(function: Callable) -> Callable:
    return lambda a, attrs, out: function(a["x"], a["axis"].tolist() or None, keepdim=attrs.get("keepdim", False))


_EVALUATE: dict[str, Callable] = {
    "conv2d": _conv,
    "batch_norm": _batch_norm,
    "scale": _scale,
    "matmul": _matmul,
    "sum": _reduce(paddle.sum),
    "mean": _reduce(paddle.mean),
    "transpose": lambda a, attrs, out: a["x"].transpose(attrs["perm"]),
    "softmax": lambda a, attrs, out: F.softmax(a["x"], attrs["axis"]),
    "concat": lambda a, attrs, out: paddle.concat(a["x"], int(a["axis"])),
    "cast": lambda a, attrs, out: a["x"].astype(out.dtype),
    "full_like": lambda a, attrs, out: paddle.full(out.shape, a["value"].item(), out.dtype),
    "elementwise_pow": lambda a, attrs, out: paddle.pow(a["x"], a["y"]),
    "assign": lambda a, attrs, out: a["x"],
    **{
        name: lambda a, attrs, out: a["x"].reshape(out.shape) for name in ("reshape", "flatten", "squeeze", "unsqueeze")
    },
    **{
        name: lambda a, attrs, out, f=f: f(a["x"])
        for name, f in {
            "relu": F.relu,
            "sigmoid": F.sigmoid,
            "tanh": paddle.tanh,
            "sqrt": paddle.sqrt,
            "exp": paddle.exp,
            "abs": paddle.abs,
        }.items()
    },
    **{
        name: lambda a, attrs, out, f=f: f(a["x"], a["y"])
        for name, f in {
            "add": paddle.add,
            "subtract": paddle.subtract,
            "multiply": paddle.multiply,
            "divide": paddle.divide,
            "maximum": paddle.maximum,
            "minimum": paddle.minimum,
        }.items()
    },
}
