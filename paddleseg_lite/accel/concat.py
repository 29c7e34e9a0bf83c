"""Concatenation along the channels, each part copied to its place by oneDNN."""

from __future__ import annotations

import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .layout import convert, copy_to, empty_last, to_last


def _parts(shape, channels):
    """Shape, strides and byte offset of each part of a channels-last tensor."""
    n, c, h, w = shape
    offset = 0
    for count in channels:
        yield (n, count, h, w), (h * w * c, 1, w * c, c), 4 * offset
        offset += count


def _forward(tensors):
    n, _, h, w = tensors[0].shape
    channels = [t.shape[1] for t in tensors]
    y = empty_last((n, sum(channels), h, w))
    for t, (_, strides, offset) in zip(tensors, _parts(y.shape, channels)):
        copy_to(t, y.data_ptr() + offset, strides)
    return y


class _Concat(PyLayer):
    @staticmethod
    def forward(ctx, *tensors):
        ctx.channels = [t.shape[1] for t in tensors]
        ctx.needs = [not t.stop_gradient for t in tensors]
        return _forward(tensors)

    @staticmethod
    def backward(ctx, dy):
        dy, grads = to_last(dy), []
        for needed, (shape, strides, offset) in zip(ctx.needs, _parts(dy.shape, ctx.channels)):
            if not needed:
                grads.append(None)
                continue
            _, c, h, w = shape
            grads.append(empty_last(shape))
            convert(
                dy.data_ptr() + offset,
                grads[-1].data_ptr(),
                shape,
                strides,
                dnnl.F32,
                (h * w * c, 1, w * c, c),
                dnnl.F32,
            )
        return tuple(grads)


def concat(tensors):
    """``paddle.concat(tensors, axis=1)`` of ``[N, C_i, H, W]``; channels last in memory."""
    if paddle.is_grad_enabled() and not all(t.stop_gradient for t in tensors):
        return _Concat.apply(*tensors)
    with paddle.no_grad():
        return _forward(tensors)
