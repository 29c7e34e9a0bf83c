"""Max-unpooling: values go back to where their maxima came from.

That is exactly the backward pass of the pooling that found them, so oneDNN's
pooling does it with the workspace it filled. The gradient of a value is the
gradient at its place: the sum over the window of ``dy`` times the one-hot map
of places.
"""

from __future__ import annotations

import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .dnnl import Dims
from .layout import empty_last, first_view, last_view, to_last
from .loading import load
from .pool import Winners, plan
from .primitive import Attributes, Primitive, cached, channels_last


def _scatter(values, winners: Winners):
    """``values [N, C, h, w]`` at the winners' places, zeros elsewhere."""
    y = empty_last(winners.shape)
    plan(winners.shape, *winners.window).backward(values.data_ptr(), y.data_ptr(), winners.workspace.data_ptr())
    return y


def _build_mean(shape, window) -> Primitive:
    library = load()
    kernel, stride, pads, out = window
    src, dst = channels_last(library, shape), channels_last(library, (*shape[:2], *out))
    ends = [(o - 1) * s + k - side - before for o, s, k, side, before in zip(out, stride, kernel, shape[2:], pads[::2])]
    arguments = (
        library.engine,
        dnnl.FORWARD_INFERENCE,
        dnnl.POOL_AVERAGE_WITH_PADDING,
        src,
        dst,
        Dims(*stride),
        Dims(*kernel),
        Dims(0, 0),
        Dims(*pads[::2]),
        Dims(*ends),
        Attributes(library),
    )
    return Primitive(
        library, library.pooling_forward_primitive_desc_create, arguments, [(dnnl.SRC, src), (dnnl.DST, dst)]
    )


def _window_means(x, window):
    y = empty_last((*x.shape[:2], *window[3]))
    primitive = cached(("window_mean", tuple(x.shape), window), lambda: _build_mean(tuple(x.shape), window))
    primitive(x.data_ptr(), y.data_ptr())
    return y


class _Unpool(PyLayer):
    @staticmethod
    def forward(ctx, x, winners):
        ctx.winners = winners
        xl = to_last(x)
        return _scatter(xl, winners)

    @staticmethod
    def backward(ctx, dy):
        kernel, window = ctx.winners.window[0], ctx.winners.window
        n, c = ctx.winners.shape[:2]
        places = _scatter(first_view(paddle.ones([n, *window[3], c])), ctx.winners)
        last_view(places).multiply_(last_view(to_last(dy)))
        return _window_means(places, window).scale_(float(kernel[0] * kernel[1]))


def max_unpool(x, winners: Winners):
    """``F.max_unpool2d(x, mask)`` to the size that was pooled; windows must not overlap.

    Raises:
        Unimplemented: overlapping windows, or a shape other than the pooled one.
    """
    kernel, stride = winners.window[:2]
    if kernel != stride or tuple(x.shape) != (*winners.shape[:2], *winners.window[3]):
        raise dnnl.Unimplemented("unpooling other than the inverse of the pooling")
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return _Unpool.apply(x, winners)
    with paddle.no_grad():
        xl = to_last(x)
        return _scatter(xl, winners)
