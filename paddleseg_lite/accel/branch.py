"""Several consumers of one feature map: their gradients added in channels-last order.

Paddle adds the gradients of a tensor that is used twice, but takes ten times as
long when their memory is in channels-last order. So each accelerated consumer of
a map gets a twin of its own, whose gradient is added here. Operations that take
the map itself are still added by Paddle: the sum is complete either way.
"""

from __future__ import annotations

from math import prod

import paddle
from paddle.autograd import PyLayer

from .layout import is_channels_last, to_last
from .pointwise import mark, marked, total

SMALLEST = 1 << 16  # elements; below, Paddle's own sum costs less than a twin


class _Twins(PyLayer):
    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        order = list(range(x.ndim))
        return x.transpose(order), x.transpose(order)  # views: no data is copied

    @staticmethod
    def backward(ctx, first, rest):
        if first is None or rest is None:
            return rest if first is None else first
        if is_channels_last(first) or is_channels_last(rest):
            return total(to_last(first), to_last(rest))
        return first + rest


def take(x):
    """A tensor equal to ``x`` for one consumer of it."""
    if x.stop_gradient or x.is_leaf or not paddle.is_grad_enabled() or prod(x.shape) < SMALLEST:
        return x
    rest = getattr(x, "_accel_rest", None)
    twin, rest = _Twins.apply(x if rest is None else rest)
    try:
        x._accel_rest = rest
    except AttributeError:  # Paddle 2.6: tensors take no attributes
        return x
    return mark(twin) if marked(x) else twin
