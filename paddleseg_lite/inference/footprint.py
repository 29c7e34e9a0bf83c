"""How much memory a call or a prediction takes, and how much there is."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial

import numpy as np
import paddle

from ..runtime import free_bytes
from .backend import Backend, PaddleBackend

# Paddle's convolution unfolds its input (k * k * C values per pixel): UNet, the heaviest network
# here, needs 6.2 KB per pixel. Assumed where nothing better is known.
DEFAULT_BYTES_PER_PIXEL = 8192
_PROBE_SIDE = 192
_USUAL_CLASSES = 21
_MEASURED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def allowed_bytes(limit: int) -> int:
    """``limit``, or half of the free memory where that is less."""
    free = free_bytes()
    return limit if free is None else max(64 << 20, min(limit, free // 2))


def bytes_per_pixel(backend: Backend, channels: int, *, pixels: int, limit: int) -> float:
    """Peak memory of one pass per input pixel.

    Known from the backend, measured once on a small image for a network, or
    assumed. Images that fit by the assumption are not worth measuring.
    """
    copies = 12 * (backend.num_classes or _USUAL_CLASSES)  # float logits on the way to class ids
    if backend.bytes_per_pixel:
        return backend.bytes_per_pixel + copies
    if pixels * DEFAULT_BYTES_PER_PIXEL <= limit or not isinstance(backend, PaddleBackend):
        return DEFAULT_BYTES_PER_PIXEL
    if backend.network not in _MEASURED:
        _MEASURED[backend.network] = _measure(backend.network, channels)
    return _MEASURED[backend.network] + copies


def peak_of(call: Callable[[], object]) -> int | None:
    """Bytes that Paddle allocates at most during a call, above what it holds; ``None`` where it does not count them."""
    if paddle.device.get_device().startswith("gpu"):
        cuda = paddle.device.cuda
        reset = getattr(cuda, "reset_max_memory_allocated", None)  # not in Paddle 2.6
        if reset is None:
            call()
            return None
        current, peak = cuda.memory_allocated, cuda.max_memory_allocated
    else:
        try:
            from paddle.base import core

            names = ("reset_peak_value", "current_value", "peak_value")
            reset, current, peak = (partial(getattr(core, f"host_memory_stat_{n}"), "Allocated", 0) for n in names)
        except (ImportError, AttributeError):  # another Paddle
            call()
            return None
    before = current()
    reset()
    call()
    return max(0, peak() - before)


def _measure(network: paddle.nn.Layer, channels: int) -> float:
    """Peak bytes per pixel of a pass over a small image."""
    image = paddle.to_tensor(np.zeros((1, channels, _PROBE_SIDE, _PROBE_SIDE), dtype="float32"))
    try:
        with paddle.no_grad():
            used = peak_of(lambda: network(image))
    except (RuntimeError, ValueError):  # a network that refuses this size
        used = None
    return DEFAULT_BYTES_PER_PIXEL if used is None else max(256.0, used / _PROBE_SIDE**2)
