"""Bilinear resize: oneDNN's resampling for half-pixel centres, two matrix products for aligned corners."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .layout import empty_last, first_view, last_view, to_last
from .loading import load
from .primitive import Attributes, Primitive, cached, channels_last


class Plan:
    """Forward and backward of one half-pixel bilinear resize."""

    def __init__(self, shape, size):
        self.library, self.out_shape = load(), (*shape[:2], *size)
        src, dst = channels_last(self.library, shape), channels_last(self.library, self.out_shape)
        attributes = Attributes(self.library)
        arguments = (self.library.engine, dnnl.FORWARD_TRAINING, dnnl.RESAMPLE_LINEAR, None, src, dst, attributes)
        self.forward = Primitive(
            self.library,
            self.library.resampling_forward_primitive_desc_create,
            arguments,
            [(dnnl.SRC, src), (dnnl.DST, dst)],
            allow_reference=True,
        )
        arguments = (self.library.engine, dnnl.RESAMPLE_LINEAR, None, src, dst, self.forward.handle, attributes)
        self.backward = Primitive(
            self.library,
            self.library.resampling_backward_primitive_desc_create,
            arguments,
            [(dnnl.DIFF_DST, dst), (dnnl.DIFF_SRC, src)],
            allow_reference=True,
        )


def plan(shape, size) -> Plan:
    """This thread's plan."""
    return cached(("resize", tuple(shape), tuple(size)), lambda: Plan(tuple(shape), tuple(size)))


def _forward(x, size):
    p, xl = plan(x.shape, size), to_last(x)
    y = empty_last(p.out_shape)
    p.forward(xl.data_ptr(), y.data_ptr())
    return y


class _Resize(PyLayer):
    @staticmethod
    def forward(ctx, x, size):
        ctx.shape, ctx.size = tuple(x.shape), size
        return _forward(x, size)

    @staticmethod
    def backward(ctx, dy):
        dyl, dx = to_last(dy), empty_last(ctx.shape)
        plan(ctx.shape, ctx.size).backward(dyl.data_ptr(), dx.data_ptr())
        return dx


def bilinear(x, size, *, align_corners: bool = False):
    """``F.interpolate(mode="bilinear", align_mode=0)`` of ``[N, C, H, W]`` to ``size``; channels last in memory.

    Raises:
        Unimplemented: half-pixel centres and a target of one row or column.
    """
    size = (int(size[0]), int(size[1]))
    if align_corners:
        return _by_products(x, size)
    if 1 in size:  # Paddle then takes the first row or column instead of the middle
        raise dnnl.Unimplemented("half-pixel resize to a single row or column")
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return _Resize.apply(x, size)
    with paddle.no_grad():
        return _forward(x, size)


@lru_cache(maxsize=256)
def _aligned_matrix(length: int, target: int) -> np.ndarray:
    """``[target, length]``: row i interpolates at ``i * (length - 1) / (target - 1)``."""
    matrix = np.zeros((target, length), dtype="float32")
    ratio = np.float32((length - 1) / (target - 1)) if target > 1 else np.float32(0.0)
    at = (np.arange(target, dtype=np.float32) * ratio).astype(np.float32)
    low = np.minimum(at.astype(np.int64), length - 1)
    high = np.minimum(low + 1, length - 1)
    part = at - low.astype(np.float32)
    rows = np.arange(target)
    np.add.at(matrix, (rows, low), 1 - part)
    np.add.at(matrix, (rows, high), part)
    return matrix


def _by_products(x, size):
    n, c, h, w = x.shape
    height, width = size
    rows = paddle.to_tensor(_aligned_matrix(h, height))
    columns = paddle.to_tensor(_aligned_matrix(w, width))
    y = paddle.matmul(rows, last_view(x).reshape([n, h, w * c]))  # [N, H', w C]
    y = paddle.matmul(columns, y.reshape([n * height, w, c]))  # [N H', W', C]
    return first_view(y.reshape([n, height, width, c]))
