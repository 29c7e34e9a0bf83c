"""Mode ``auto``: Paddle's convolution or oneDNN's, whichever this machine ran faster, remembered by shape.

The first time a convolution meets a new shape both are run on random data and
the faster is kept. The choices are plain data, so that a checkpoint can record
them and a resumed run repeat them to the last bit.
"""

from __future__ import annotations

import logging
import time

import paddle
import paddle.nn.functional as F

from . import conv, dnnl
from .layout import first_view

logger = logging.getLogger("paddleseg_lite")

REPEATS, BUDGET_S = 3, 0.5  # timed runs of each side, and when to stop early
SHAPES_MEASURED = 4  # input sizes measured for one convolution; further sizes take the choice of the last measured

_choices: dict[str, str] = {}
_by_layer: dict[str, list[str]] = {}


def choices() -> dict[str, str]:
    """``{convolution and shape: "onednn" | "paddle"}``, JSON-serialisable."""
    return dict(_choices)


def load_choices(recorded: dict[str, str]) -> None:
    """Adopt choices made earlier; they are not measured again.

    Raises:
        ValueError: a value is neither ``"onednn"`` nor ``"paddle"``.
    """
    for key, value in recorded.items():
        if value not in ("onednn", "paddle"):
            raise ValueError(f"recorded choice '{key}' is {value!r}; it must be 'onednn' or 'paddle'.")
    _choices.update(recorded)


def clear_choices() -> None:
    """Forget all choices."""
    _choices.clear()
    _by_layer.clear()


def describe(g: conv.Geometry, *, bias: bool, train: bool) -> tuple[str, str]:
    """Key of the convolution alone, and of the convolution at this input size."""
    pair = "{}x{}".format
    kind = "conv2d_transpose" if g.transposed else "conv2d"
    layer = (
        f"{kind} {g.channels}->{g.out_channels} k{pair(*g.kernel)} s{pair(*g.stride)} p{','.join(map(str, g.pads))} "
        f"d{pair(*g.dilation)} g{g.groups}{' bias' if bias else ''} {'train' if train else 'eval'}"
    )
    return layer, f"{layer} @ {g.batch}x{pair(*g.size)}"


def prefers_onednn(g: conv.Geometry, *, bias: bool, train: bool, example) -> bool:
    """Whether oneDNN is the faster here; measures when this is new.

    Args:
        example: ``(x, weight)`` whose ``stop_gradient`` tell what backward has to compute.
    """
    layer, key = describe(g, bias=bias, train=train)
    if key not in _choices:
        measured = _by_layer.setdefault(layer, [])
        if len(measured) < SHAPES_MEASURED:
            measured.append(key)
            _choices[key] = _measure(g, bias, train, not example[0].stop_gradient)
        else:
            _choices[key] = _choices[measured[-1]]
    return _choices[key] == "onednn"


def _measure(g: conv.Geometry, bias: bool, train: bool, input_gradient: bool) -> str:
    try:
        runners = {
            "onednn": _onednn_runner(g, bias, train, input_gradient),
            "paddle": _paddle_runner(g, bias, train, input_gradient),
        }
        runners["onednn"]()
    except dnnl.DnnlError:
        return "paddle"
    runners["paddle"]()
    best = dict.fromkeys(runners, float("inf"))
    started = time.perf_counter()
    for _ in range(REPEATS):
        for name, run in runners.items():
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begin)
        if time.perf_counter() - started > BUDGET_S:
            break
    winner = min(best, key=best.get)
    logger.debug(
        "%s: oneDNN %.2f ms, Paddle %.2f ms",
        describe(g, bias=bias, train=train)[1],
        1e3 * best["onednn"],
        1e3 * best["paddle"],
    )
    return winner


def _tensors(g: conv.Geometry, bias: bool):
    shape = [g.channels, g.out_channels // g.groups] if g.transposed else [g.out_channels, g.channels // g.groups]
    return paddle.ones([*shape, *g.kernel]), paddle.ones([g.out_channels]) if bias else None


def _onednn_runner(g, bias, train, input_gradient):
    x = first_view(paddle.ones([g.batch, *g.size, g.channels]))
    dy = first_view(paddle.ones([g.batch, *g.out, g.out_channels]))
    weight, b = _tensors(g, bias)
    p = conv.plan(g, "fp32", bias=bias)

    def run():
        p.forward(x, weight, b)
        if train:
            if input_gradient:
                p.backward_data(dy, weight)
            p.backward_weights(x, dy, weight)

    return run


def _paddle_runner(g, bias, train, input_gradient):
    x, dy = paddle.ones([g.batch, g.channels, *g.size]), paddle.ones([g.batch, g.out_channels, *g.out])
    weight, b = _tensors(g, bias)
    inputs = [weight] + ([b] if bias else []) + ([x] if input_gradient else [])
    for tensor in inputs:
        tensor.stop_gradient = not train
    function = F.conv2d_transpose if g.transposed else F.conv2d
    options = {"output_size": list(g.out)} if g.transposed else {}
    pads = list(g.pads)

    def run():
        with paddle.set_grad_enabled(train):
            y = function(
                x, weight, b, stride=list(g.stride), padding=pads, dilation=list(g.dilation), groups=g.groups, **options
            )
            if train:
                paddle.grad([y], inputs, [dy])

    return run
