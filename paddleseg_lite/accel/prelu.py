"""PReLU through oneDNN: one slope a channel, or one for all values (handed over as equal slopes)."""

from __future__ import annotations

import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .layout import empty, empty_last, to_last
from .loading import load
from .pointwise import mark, per_channel
from .primitive import Attributes, Primitive, cached, channels_last


class Plan:
    """Forward and backward for one shape, with a slope per channel."""

    def __init__(self, shape):
        library = load()
        data, weight = channels_last(library, shape), channels_last(library, (1, shape[1], 1, 1))
        attributes = Attributes(library)
        self.forward = Primitive(
            library,
            library.prelu_forward_primitive_desc_create,
            (library.engine, dnnl.FORWARD_TRAINING, data, weight, data, attributes),
            [(dnnl.SRC, data), (dnnl.WEIGHTS, weight), (dnnl.DST, data)],
        )
        self.backward = Primitive(
            library,
            library.prelu_backward_primitive_desc_create,
            (library.engine, data, weight, data, weight, data, self.forward.handle, attributes),
            [
                (dnnl.SRC, data),
                (dnnl.WEIGHTS, weight),
                (dnnl.DIFF_DST, data),
                (dnnl.DIFF_SRC, data),
                (dnnl.DIFF_WEIGHTS, weight),
            ],
        )


def plan(shape) -> Plan:
    """This thread's plan."""
    return cached(("prelu", tuple(shape)), lambda: Plan(tuple(shape)))


def forward(x, weight):
    """``x`` in its right layout, and the result."""
    xl, y, slopes = to_last(x), empty_last(x.shape), per_channel(weight, x.shape[1])
    plan(x.shape).forward(xl.data_ptr(), slopes.data_ptr(), y.data_ptr())
    return xl, y


def gradients(x, weight, dy):
    """Of ``x`` (channels last) and ``weight``."""
    dyl, dx, slopes = to_last(dy), empty_last(x.shape), per_channel(weight, x.shape[1])
    dw = empty(slopes.shape)
    plan(x.shape).backward(*(t.data_ptr() for t in (x, slopes, dyl, dx, dw)))
    return dx, dw if weight.shape == slopes.shape else dw.sum(keepdim=True)


class _PReLU(PyLayer):
    @staticmethod
    def forward(ctx, x, weight):
        xl, y = forward(x, weight)
        ctx.needs = [not t.stop_gradient for t in (x, weight)]
        ctx.converted = None if xl is x else xl
        ctx.save_for_backward(*([x] if xl is x else []), weight)
        return y

    @staticmethod
    def backward(ctx, dy):
        *kept, weight = ctx.saved_tensor()
        x = kept[0] if kept else ctx.converted
        return tuple(g if needed else None for g, needed in zip(gradients(x, weight, dy), ctx.needs))


def prelu(x, weight):
    """``x`` where positive, ``weight * x`` elsewhere; ``x [N, C, H, W]``, ``weight [1]`` or ``[C]``."""
    if paddle.is_grad_enabled() and not (x.stop_gradient and weight.stop_gradient):
        return mark(_PReLU.apply(x, weight))
    with paddle.no_grad():
        return forward(x, weight)[1]
