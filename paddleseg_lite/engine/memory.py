"""How much memory a prediction takes, and how much there is."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import paddle

# Paddle's convolution unfolds its input (k * k * C values per pixel): UNet, the heaviest network
# here, needs 6.2 KB per pixel. Assumed where nothing better is known.
DEFAULT_BYTES_PER_PIXEL = 8192
_PROBE_SIDE = 192
_MEASURED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def allowed_bytes(limit: int) -> int:
    """``limit``, or half of the free memory where that is less."""
    free = free_bytes()
    return limit if free is None else max(64 << 20, min(limit, free // 2))


def free_bytes() -> int | None:
    """Memory this process may still take (machine and cgroup); ``None`` where the system does not say."""
    free = None
    try:
        with open("/proc/meminfo", encoding="ascii") as f:
            for line in f:
                if line.startswith("MemAvailable:"):
                    free = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return None
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as f:
            top = f.read().strip()
        if top != "max":
            with open("/sys/fs/cgroup/memory.current", encoding="ascii") as f:
                left = int(top) - int(f.read())
            free = left if free is None else min(free, left)
    except (OSError, ValueError):
        pass
    return free


def bytes_per_pixel(forward: Callable, channels: int, *, pixels: int, limit: int) -> float:
    """Peak memory of one forward pass per input pixel.

    Known from the engine (``forward.bytes_per_pixel``), measured once on a small
    image for a network, or assumed. Images that fit by the assumption are not worth measuring.
    """
    copies = 12 * getattr(forward, "num_classes", 21)  # float logits on the way to class ids
    known = getattr(forward, "bytes_per_pixel", None)
    if known:
        return float(known) + copies
    if pixels * DEFAULT_BYTES_PER_PIXEL <= limit or not isinstance(forward, paddle.nn.Layer):
        return DEFAULT_BYTES_PER_PIXEL
    if forward not in _MEASURED:
        _MEASURED[forward] = _measure(forward, channels)
    return _MEASURED[forward] + copies


def _measure(network: paddle.nn.Layer, channels: int) -> float:
    """Peak bytes of a pass over a small image, by Paddle's own count."""
    place = paddle.device.get_device()
    try:
        if place.startswith("gpu"):
            cuda = paddle.device.cuda
            reset, current, peak = cuda.reset_max_memory_allocated, cuda.memory_allocated, cuda.max_memory_allocated
        else:
            from paddle.base import core

            reset = lambda: core.host_memory_stat_reset_peak_value("Allocated", 0)  # noqa: E731
            current = lambda: core.host_memory_stat_current_value("Allocated", 0)  # noqa: E731
            peak = lambda: core.host_memory_stat_peak_value("Allocated", 0)  # noqa: E731
        before = current()
        reset()
        with paddle.no_grad():
            network(paddle.to_tensor(np.zeros((1, channels, _PROBE_SIDE, _PROBE_SIDE), dtype="float32")))
        used = peak() - before
    except (AttributeError, RuntimeError, ValueError):  # an older Paddle, or a network that refuses this size
        return DEFAULT_BYTES_PER_PIXEL
    return max(256.0, used / _PROBE_SIDE**2)
