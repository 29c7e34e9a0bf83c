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

    The product of two square matrices by Paddle, and on CPUs two large convolutions by oneDNN, whichever is
    fastest: Paddle's BLAS does not know every processor well. No entry for bf16 where nothing computes in it.
    """
    a = paddle.rand([SIDE, SIDE])
    with paddle.no_grad():
        peaks = {"fp32": _matrices(a, repeats)}
        if paddle.get_device().startswith("gpu"):
            peaks["bf16"] = _matrices(a.astype("bfloat16"), repeats)
        elif accel.available()[0]:
            for mode in ("fp32", *(["bf16"] if accel.has_bf16() else [])):
                convolutions = (_convolution(*shape, mode, repeats) for shape in _CONVOLUTIONS)
                peaks[mode] = max(peaks.get(mode, 0.0), *convolutions)
    return {name: round(value, 1) for name, value in peaks.items()}


def _matrices(a, repeats: int) -> float:
    return 2 * SIDE**3 / _best(lambda: paddle.matmul(a, a), repeats) / 1e9


def _convolution(channels: int, kernel: int, side: int, mode: str, repeats: int) -> float:
    layer = nn.Sequential(nn.Conv2D(channels, channels, kernel, padding=kernel // 2, bias_attr=False))
    layer.eval()
    accel.enable(layer, mode, eval_mode=mode)
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
