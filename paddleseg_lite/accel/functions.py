"""Stand-ins for Paddle functions that networks call directly: ``paddle.concat``, ``F.interpolate``, ``x + y``.

Without them a network would fall back to Paddle's order of memory at every
concatenation or residual sum. They are put in place when the first model is
accelerated and taken away when the last is switched back; a call made outside
the forward of an accelerated model, on another thread, or with anything
unusual goes straight to Paddle's own function.
"""

from __future__ import annotations

import functools

import paddle
import paddle.nn.functional as F

from . import concat, pointwise, pool, resize, unpool
from .active import current
from .branch import take
from .dnnl import DnnlError
from .layers import four_pads, pair
from .layout import qualifies

_originals: list[tuple[object, str, object]] = []


def install() -> None:
    """Put the stand-ins in place (once)."""
    if _originals:
        return
    places = [
        (paddle, "concat", _concat),
        (F, "interpolate", _interpolate),
        (F, "relu", _relu),
        (F, "max_pool2d", _max_pool2d),
        (F, "max_unpool2d", _max_unpool2d),
        (paddle, "mean", _mean),
        (paddle.Tensor, "mean", _mean),
        (paddle.Tensor, "__add__", _add),
    ]
    for owner, name, stand_in in places:
        own = getattr(owner, name)
        _originals.append((owner, name, own))
        setattr(owner, name, _guarded(own, stand_in))


def uninstall() -> None:
    """Restore Paddle's own functions."""
    while _originals:
        owner, name, own = _originals.pop()
        setattr(owner, name, own)


def _guarded(own, stand_in):
    """Call ``stand_in`` inside an accelerated forward; ``own`` elsewhere, or where the stand-in returns ``None``."""

    @functools.wraps(own)
    def function(*args, **kwargs):
        if current() is not None:
            try:
                result = stand_in(*args, **kwargs)
            except (TypeError, DnnlError):  # a signature or a case that is not ours
                result = None
            if result is not None:
                return result
        return own(*args, **kwargs)

    return function


def _is_map(x) -> bool:
    return isinstance(x, paddle.Tensor) and x.ndim == 4 and qualifies(x) and 0 not in x.shape


def _concat(x, axis=0, name=None):
    if axis not in (1, -3) or not isinstance(x, (list, tuple)) or not all(_is_map(t) for t in x):
        return None
    same = all(t.shape[0] == x[0].shape[0] and t.shape[2:] == x[0].shape[2:] for t in x)
    if not same or not any(pointwise.worth_it(t) for t in x):
        return None
    return concat.concat([take(t) for t in x])


def _add(x, y):
    if not (_is_map(x) and _is_map(y)) or x.shape != y.shape:
        return None
    if not (pointwise.worth_it(x) or pointwise.worth_it(y)):
        return None
    return pointwise.add(take(x), take(y))


def _relu(x, name=None):
    return pointwise.relu(x) if _is_map(x) and pointwise.worth_it(x) else None


def _interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=False, align_mode=0, data_format=None, name=None
):
    if str(mode).lower() != "bilinear" or align_mode != 0 or data_format not in (None, "NCHW") or not _is_map(x):
        return None
    if size is None:
        exact = [side * factor for side, factor in zip(x.shape[2:], _factors(scale_factor))]
        if any(side != int(side) for side in exact):
            return None  # Paddle then samples by the factor, not by the ratio of the sizes
        size = [int(side) for side in exact]
    return resize.bilinear(take(x), [int(side) for side in size], align_corners=align_corners)


def _factors(scale_factor) -> tuple[float, float]:
    if isinstance(scale_factor, (list, tuple)):
        return tuple(float(f) for f in scale_factor)
    return (float(scale_factor),) * 2


def _max_pool2d(
    x, kernel_size, stride=None, padding=0, return_mask=False, ceil_mode=False, data_format="NCHW", name=None
):
    pads = four_pads(padding)
    if data_format != "NCHW" or pads is None or not _is_map(x) or not pointwise.worth_it(x):
        return None
    kernel = pair(kernel_size)
    stride = kernel if stride is None else pair(stride)
    return pool.max_pool(take(x), kernel, stride, pads, ceil_mode=ceil_mode, return_mask=return_mask)


def _max_unpool2d(x, indices, kernel_size, stride=None, padding=0, data_format="NCHW", output_size=None, name=None):
    winners = getattr(indices, "_accel_winners", None)
    if winners is None or data_format != "NCHW" or not _is_map(x) or output_size is None:
        return None
    kernel = pair(kernel_size)
    same = (kernel, kernel if stride is None else pair(stride), four_pads(padding)) == winners.window[:3]
    if not same or [int(s) for s in output_size][-2:] != list(winners.shape[2:]):
        return None
    return unpool.max_unpool(take(x), winners)


def _mean(x, axis=None, keepdim=False, name=None):
    if not isinstance(axis, (list, tuple)) or sorted(axis) != [2, 3] or not _is_map(x) or not pointwise.worth_it(x):
        return None
    y = pool.mean(take(x))
    return y if keepdim else y.flatten(1)
