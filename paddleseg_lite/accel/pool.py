"""Max-pooling through oneDNN, with the positions that unpooling needs.

oneDNN remembers in a workspace which element of each window won; the flat
positions over H * W that Paddle returns as the mask are computed from it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import numpy as np
import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .dnnl import Dims
from .layout import bytes_buffer, empty_last, first_view, to_last
from .loading import load
from .primitive import Attributes, Primitive, cached, channels_last


def output_size(size, kernel, stride, pads, ceil_mode: bool) -> tuple[int, int]:
    """``(H', W')`` of pooling ``size = (H, W)``; ``pads`` = (top, bottom, left, right)."""
    result = []
    for axis in range(2):
        span = size[axis] + pads[2 * axis] + pads[2 * axis + 1] - kernel[axis]
        result.append((span + (stride[axis] - 1 if ceil_mode else 0)) // stride[axis] + 1)
    return tuple(result)


class Plan:
    """Forward and backward of one max-pooling."""

    def __init__(self, shape, kernel, stride, pads, out):
        self.library, self.shape, self.out_shape = load(), tuple(shape), (*shape[:2], *out)
        self._src, self._dst = channels_last(self.library, shape), channels_last(self.library, self.out_shape)
        top, _, left, _ = pads
        if any((o - 1) * s - before >= side for o, s, side, before in zip(out, stride, shape[2:], (top, left))):
            raise dnnl.Unimplemented("a window that lies in the padding altogether")
        ends = [
            (o - 1) * s + k - side - before
            for o, s, k, side, before in zip(out, stride, kernel, shape[2:], (top, left))
        ]
        self._window = (Dims(*stride), Dims(*kernel), Dims(0, 0), Dims(top, left), Dims(*ends))
        self._attributes = Attributes(self.library)
        arguments = (
            self.library.engine,
            dnnl.FORWARD_TRAINING,
            dnnl.POOL_MAX,
            self._src,
            self._dst,
            *self._window,
            self._attributes,
        )
        workspace = (dnnl.WORKSPACE, ("query", dnnl.QUERY_WORKSPACE))
        self.forward = Primitive(
            self.library,
            self.library.pooling_forward_primitive_desc_create,
            arguments,
            [(dnnl.SRC, self._src), (dnnl.DST, self._dst), workspace],
        )
        self.workspace_bytes = self.forward.bytes(dnnl.QUERY_WORKSPACE)
        arguments = (
            self.library.engine,
            dnnl.POOL_MAX,
            self._src,
            self._dst,
            *self._window,
            self.forward.handle,
            self._attributes,
        )
        self.backward = Primitive(
            self.library,
            self.library.pooling_backward_primitive_desc_create,
            arguments,
            [(dnnl.DIFF_DST, self._dst), (dnnl.DIFF_SRC, self._src), workspace],
        )

    @property
    def compact(self) -> bool:
        """Whether the workspace has one byte per output element (the layout :func:`positions` reads)."""
        return self.workspace_bytes == int(np.prod(self.out_shape))


def plan(shape, kernel, stride, pads, out) -> Plan:
    """This thread's plan."""
    key = ("max_pool", tuple(shape), kernel, stride, pads, out)
    return cached(key, lambda: Plan(shape, kernel, stride, pads, out))


@lru_cache(maxsize=64)
def _origins(width: int, out, stride, pads) -> np.ndarray:
    """Flat position of each window's first element, ``[1, H', W', 1]``; negative inside the padding."""
    rows = np.arange(out[0], dtype=np.int32) * stride[0] - pads[0]
    columns = np.arange(out[1], dtype=np.int32) * stride[1] - pads[2]
    return (rows[:, None] * width + columns[None, :])[None, :, :, None]


def positions(workspace, p: Plan, kernel, stride, pads):
    """The mask of ``F.max_pool2d``: int32 ``[N, C, H', W']``, flat positions over H * W."""
    n, c, h, w = p.out_shape
    winner = workspace.reshape([n, h, w, c]).astype("int32")
    width = p.shape[3]
    inside = np.array([(k // kernel[1]) * width + k % kernel[1] for k in range(kernel[0] * kernel[1])], dtype=np.int32)
    origin = paddle.to_tensor(_origins(width, (h, w), stride, pads))
    if tuple(kernel) == (2, 2):  # 0, 1, W, W + 1: arithmetic is cheaper than a gather
        offset = winner + (winner >= 2).astype("int32") * (width - 2)
    else:
        offset = paddle.gather(paddle.to_tensor(inside), winner.flatten()).reshape(winner.shape)
    return first_view(origin + offset)


def _forward(x, window, mask: bool):
    """Returns y, the mask or None, and the workspace."""
    p, xl = plan(x.shape, *window), to_last(x)
    y, workspace = empty_last(p.out_shape), bytes_buffer(p.workspace_bytes)
    p.forward(xl.data_ptr(), y.data_ptr(), workspace.data_ptr())
    return y, positions(workspace, p, *window[:3]) if mask else None, workspace


class Winners:
    """What a mask was made from: shape pooled, window, and oneDNN's workspace; :mod:`.unpool` reads it."""

    def __init__(self, shape, window, workspace=None):
        self.shape, self.window, self.workspace = shape, window, workspace


class _MaxPool(PyLayer):
    @staticmethod
    def forward(ctx, x, window, mask, winners):
        y, found, ctx.workspace = _forward(x, window, mask)
        winners.workspace = ctx.workspace
        ctx.window, ctx.shape = window, tuple(x.shape)
        if not mask:
            return y
        ctx.mark_non_differentiable(found)
        return y, found

    @staticmethod
    def backward(ctx, dy, *_):
        dyl, dx = to_last(dy), empty_last(ctx.shape)
        plan(ctx.shape, *ctx.window).backward(dyl.data_ptr(), dx.data_ptr(), ctx.workspace.data_ptr())
        return dx


def max_pool(x, kernel, stride, pads, *, ceil_mode: bool = False, return_mask: bool = False):
    """``F.max_pool2d`` of ``[N, C, H, W]``; channels last in memory.

    Args:
        kernel, stride: pairs.
        pads: (top, bottom, left, right).
        return_mask: also return the positions, as ``F.max_pool2d`` does.

    Raises:
        Unimplemented: oneDNN cannot do this window (or cannot tell the positions).
    """
    kernel, stride, pads = tuple(kernel), tuple(stride), tuple(pads)
    window = (kernel, stride, pads, output_size(x.shape[2:], kernel, stride, pads, ceil_mode))
    if return_mask and not plan(x.shape, *window).compact:
        raise dnnl.Unimplemented("positions of windows of more than 256 elements")
    if paddle.is_grad_enabled() and not x.stop_gradient:
        kept = Winners(tuple(x.shape), window)
        result = _MaxPool.apply(x, window, return_mask, kept)
    else:
        with paddle.no_grad():
            y, mask, workspace = _forward(x, window, return_mask)
        kept, result = Winners(tuple(x.shape), window, workspace), (y, mask) if return_mask else y
    if return_mask:
        with suppress(AttributeError):  # Paddle 2.6: tensors take no attributes
            result[1]._accel_winners = kept
    return result


class MeanPlan:
    """Forward and backward of the mean over all places."""

    def __init__(self, shape):
        library, (n, c, h, w) = load(), shape
        src, dst = channels_last(library, shape), channels_last(library, (n, c, 1, 1))
        window, attributes = (Dims(1, 1), Dims(h, w), Dims(0, 0), Dims(0, 0), Dims(0, 0)), Attributes(library)
        kind = dnnl.POOL_AVERAGE_WITH_PADDING
        arguments = (library.engine, dnnl.FORWARD_TRAINING, kind, src, dst, *window, attributes)
        self.forward = Primitive(
            library, library.pooling_forward_primitive_desc_create, arguments, [(dnnl.SRC, src), (dnnl.DST, dst)]
        )
        arguments = (library.engine, kind, src, dst, *window, self.forward.handle, attributes)
        self.backward = Primitive(
            library,
            library.pooling_backward_primitive_desc_create,
            arguments,
            [(dnnl.DIFF_DST, dst), (dnnl.DIFF_SRC, src)],
        )


def _mean_plan(shape) -> MeanPlan:
    return cached(("mean", tuple(shape)), lambda: MeanPlan(tuple(shape)))


def _mean(x):
    xl, y = to_last(x), empty_last((*x.shape[:2], 1, 1))
    _mean_plan(x.shape).forward(xl.data_ptr(), y.data_ptr())
    return y


class _Mean(PyLayer):
    @staticmethod
    def forward(ctx, x):
        ctx.shape = tuple(x.shape)
        return _mean(x)

    @staticmethod
    def backward(ctx, dy):
        dyl, dx = to_last(dy), empty_last(ctx.shape)
        _mean_plan(ctx.shape).backward(dyl.data_ptr(), dx.data_ptr())
        return dx


def mean(x):
    """Mean over all places: ``[N, C, H, W] -> [N, C, 1, 1]``."""
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return _Mean.apply(x)
    with paddle.no_grad():
        return _mean(x)
