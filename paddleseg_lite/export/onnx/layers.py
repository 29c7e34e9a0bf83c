"""Layers of a network: convolution, normalisation, pooling, resizing."""

from __future__ import annotations

import numpy as np

from .dynamic import Dim, SizeDependent, first, sizes
from .handlers import handles, known
from .trace import Node, Value
from .writer import OnnxWriter

LOWEST = np.float32(np.finfo(np.float32).min)  # what max-pooling pads with

# -- layers with weights -----------------------------------------------------------------------


def _pads(attrs: dict) -> dict:
    """``pads`` (or ``auto_pad``) from Paddle's paddings and padding algorithm."""
    if attrs.get("padding_algorithm", "EXPLICIT") == "SAME":
        return {"auto_pad": "SAME_UPPER"}
    p = [int(v) for v in attrs["paddings"]]
    if attrs.get("padding_algorithm") == "VALID":
        p = [0, 0]
    return {"pads": [p[0], p[1], p[0], p[1]] if len(p) == 2 else [p[0], p[2], p[1], p[3]]}


def _convolution(w: OnnxWriter, n: Node, op_type: str, source: str, **more) -> str:
    weight, bias = n.inputs["filter"], n.inputs.get("bias")
    inputs = [w.name(v) for v in (n.inputs[source], weight, bias) if v is not None]
    shared = {key: n.attrs[key] for key in ("strides", "dilations")}
    return w.add(op_type, *inputs, **shared, group=n.attrs["groups"], kernel_shape=weight.shape[2:], **more)


@handles("conv2d", "depthwise_conv2d")
def conv(w: OnnxWriter, n: Node) -> str:
    return _convolution(w, n, "Conv", "input", **_pads(n.attrs))


@handles("conv2d_transpose", "depthwise_conv2d_transpose")
def deconv(w: OnnxWriter, n: Node) -> str:
    kernel, attrs = n.inputs["filter"].shape[2:], n.attrs
    if attrs.get("padding_algorithm", "EXPLICIT") == "SAME":
        raise NotImplementedError(f"'{n.op}' with padding 'SAME', which the exporter does not handle.")
    pads = _pads(attrs)["pads"]
    natural = [  # the output's size without output_padding
        (size - 1) * stride + dilation * (length - 1) + 1 - before - after
        for size, stride, dilation, length, before, after in zip(
            n.inputs["x"].shape[2:], attrs["strides"], attrs["dilations"], kernel, pads[:2], pads[2:]
        )
    ]
    extra = [size - least for size, least in zip(n.outputs["out"].shape[2:], natural)]
    return _convolution(w, n, "ConvTranspose", "x", pads=pads, output_padding=extra)


@handles("batch_norm")
def batch_norm(w: OnnxWriter, n: Node) -> str:
    mean = known(n, "mean")
    scale, bias = (
        w.constant(fill(mean)) if n.inputs[key] is None else w.name(n.inputs[key])  # norms without learned scale
        for key, fill in (("scale", np.ones_like), ("bias", np.zeros_like))
    )
    rest = [w.name(n.inputs[key]) for key in ("mean", "variance")]
    return w.add("BatchNormalization", w.name(n.inputs["x"]), scale, bias, *rest, epsilon=float(n.attrs["epsilon"]))


@handles("layer_norm")
def layer_norm(w: OnnxWriter, n: Node) -> str:
    x, axis = n.inputs["x"], int(n.attrs["begin_norm_axis"])
    scale, bias = (
        w.constant((fill(x.shape[axis:], x.dtype) if n.inputs[key] is None else known(n, key)).reshape(x.shape[axis:]))
        for key, fill in (("scale", np.ones), ("bias", np.zeros))
    )
    return w.add("LayerNormalization", w.name(x), scale, bias, axis=axis, epsilon=float(n.attrs["epsilon"]))


@handles("prelu")
def prelu(w: OnnxWriter, n: Node) -> str:
    alpha, x = known(n, "alpha"), n.inputs["x"]
    # of x's rank: OpenVINO turns a map to another layout and back around a slope of fewer axes
    slope = alpha.reshape([1, -1] + [1] * (len(x.shape) - 2)) if n.attrs["mode"] == "channel" else alpha.reshape([1])
    return w.add("PRelu", w.name(x), w.constant(slope))


# -- pooling ------------------------------------------------------------------------------------


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
    elif ceil_mode and halving(n) and any(isinstance(s, Dim) for s in sizes(x)[2:]):
        # the same for a size that is not known yet: of a row more, floor takes it where the side is odd
        pads = w.ints([0, 0, 0, 0, 0, 0, 1, 1])
        source, ceil_mode = w.add("Pad", source, pads, w.constant(LOWEST)), 0
    return w.add("MaxPool", source, kernel_shape=kernel, strides=attrs["strides"], ceil_mode=ceil_mode, **_pads(attrs))


def halving(pool: Node) -> bool:
    """Whether a pooling is 2x2 of stride 2 without padding."""
    return [*pool.attrs["kernel_size"], *pool.attrs["strides"], *pool.attrs["paddings"][:2]] == [2, 2, 2, 2, 0, 0]


def fit(w: OnnxWriter, name: str, size: list, target: list, fill: float) -> str:
    """Cut or fill at the bottom and the right."""
    if list(size) == list(target):
        return name
    apart = [t - s for s, t in zip(size, target)]
    if any(isinstance(d, Dim) for d in apart):  # a row more at one size, none at another: fill one, then cut
        if any(abs(v) > 1 for d in apart for v in (d.values if isinstance(d, Dim) else [d])):
            raise SizeDependent(f"maps of sizes {list(size)} and {list(target)} are fitted to each other.")
        name = w.add("Pad", name, w.ints([0, 0, 0, 0, 0, 0, 1, 1]), w.constant(np.float32(fill)))
        return w.add("Slice", name, w.ints([0, 0]), w.ints(target), w.ints([2, 3]))
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
