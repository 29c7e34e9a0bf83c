"""What the machine can do at best, to hold the networks against."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import paddle
from paddle import nn

from .. import accel
from .subject import synchronize

logger = logging.getLogger("paddleseg_lite")

SIDE = 1536  # of the square matrices
_CONVOLUTIONS = ((2048, 1, 32), (512, 3, 32))  # channels in and out, kernel, side of the map


def measure_peaks(*, repeats: int = 12) -> dict[str, float]:
    """GFLOP/s (two per multiply-add), the best of several runs, by precision.

    ``fp32``: the product of two square matrices. ``bf16``: the same, or the better of two large
    convolutions through oneDNN on CPUs, where Paddle's own product has no bf16; absent where
    neither works.
    """
    a = paddle.rand([SIDE, SIDE])
    with paddle.no_grad():
        peaks = {"fp32": 2 * SIDE**3 / _best(lambda: paddle.matmul(a, a), repeats) / 1e9}
        if paddle.get_device().startswith("gpu"):
            b = a.astype("bfloat16")
            peaks["bf16"] = 2 * SIDE**3 / _best(lambda: paddle.matmul(b, b), repeats) / 1e9
        elif accel.available()[0] and accel.has_bf16():
            peaks["bf16"] = max(_convolution(*shape, repeats) for shape in _CONVOLUTIONS)
    return {name: round(value, 1) for name, value in peaks.items()}


def _convolution(channels: int, kernel: int, side: int, repeats: int) -> float:
    layer = nn.Sequential(nn.Conv2D(channels, channels, kernel, padding=kernel // 2, bias_attr=False))
    layer.eval()
    accel.enable(layer, "bf16", eval_mode="bf16")
    x = paddle.rand([1, channels, side, side])
    flops = 2 * side**2 * channels**2 * kernel**2
    return flops / _best(lambda: layer(x), repeats) / 1e9


def _best(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])
