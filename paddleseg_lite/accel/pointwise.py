"""ReLU, sums and products on each element, for feature maps in channels-last order."""

from __future__ import annotations

from math import prod

import paddle
import paddle.nn.functional as F
from paddle.autograd import PyLayer

from . import dnnl
from .layout import as_last, empty_last, first_view, is_channels_last, last_view, to_last
from .loading import load
from .primitive import Attributes, Primitive, cached, channels_last, vector


def worth_it(*tensors) -> bool:
    """Whether these are feature maps in channels-last order."""
    return all(t.ndim == 4 and is_channels_last(t) for t in tensors)


def mark(x):
    """Note that ``x`` comes out of an accelerated operation: what reaches its gradient never changes it in place."""
    try:  # noqa: SIM105 (hundreds of times a step)
        x._accel_made = True
    except AttributeError:  # Paddle 2.6: tensors take no attributes
        pass
    return x


def marked(x) -> bool:
    """Whether :func:`mark` was called on it."""
    return getattr(x, "_accel_made", False)


def _flat(kind: str, count: int):
    """The primitive ``kind`` on ``count`` adjacent values."""

    def build():
        library = load()
        data, attributes = vector(library, count), Attributes(library, then=[("relu", None)] * (kind == "add_relu"))
        if kind.startswith("add"):
            arguments = (library.engine, dnnl.BINARY_ADD, data, data, data, attributes)
            slots = [(dnnl.SRC, data), (dnnl.SRC_1, data), (dnnl.DST, data)]
            return Primitive(library, library.binary_primitive_desc_create, arguments, slots)
        algorithm = dnnl.RELU_BY_DST
        arguments = (library.engine, dnnl.FORWARD_TRAINING, algorithm, data, data, 0.0, 0.0, attributes)
        forward = Primitive(
            library, library.eltwise_forward_primitive_desc_create, arguments, [(dnnl.SRC, data), (dnnl.DST, data)]
        )
        if kind == "relu":
            return forward
        arguments = (library.engine, algorithm, data, data, data, 0.0, 0.0, forward.handle, attributes)
        return Primitive(
            library,
            library.eltwise_backward_primitive_desc_create,
            arguments,
            [(dnnl.DST, data), (dnnl.DIFF_DST, data), (dnnl.DIFF_SRC, data)],
        )

    return cached((kind, count), build)


def total(x, y, *, relu: bool = False):
    """``x + y`` of channels-last maps, then ReLU if asked, without a gradient."""
    z = empty_last(x.shape)
    _flat("add_relu" if relu else "add", prod(x.shape))(x.data_ptr(), y.data_ptr(), z.data_ptr())
    return z


def per_channel(weight, channels: int):
    """One slope of a PReLU for each channel."""
    return weight if weight.shape == [channels] else paddle.expand(weight, [channels]).contiguous()


class _Add(PyLayer):
    @staticmethod
    def forward(ctx, x, y, share, relu):
        ctx.share, ctx.needs = share, [not t.stop_gradient for t in (x, y)]
        z = total(to_last(x), to_last(y), relu=relu)
        ctx.save_for_backward(*([z] if relu else []))
        return z

    @staticmethod
    def backward(ctx, dz):
        for z in ctx.saved_tensor():
            dz = rectified_gradient(z, dz)
        # The two gradients may be one tensor only where nobody adds to one of them in place.
        other = dz if ctx.share or not all(ctx.needs) else dz.clone()
        return tuple(g if needed else None for g, needed in zip((dz, other), ctx.needs))


def add(x, y, *, relu: bool = False):
    """``x + y`` of equal shapes, of which one at least has adjacent channels, then ReLU if asked."""
    if paddle.is_grad_enabled() and not (x.stop_gradient and y.stop_gradient):
        return mark(_Add.apply(x, y, marked(x) and marked(y), relu))
    with paddle.no_grad():
        return total(to_last(x), to_last(y), relu=relu)


def rectified(x, into=None):
    """ReLU of ``x`` without a gradient; ``into`` may be ``x`` itself, in channels-last order."""
    xl, y = to_last(x), empty_last(x.shape) if into is None else into
    _flat("relu", prod(x.shape))(xl.data_ptr(), y.data_ptr())
    return y


def rectified_gradient(y, dy):
    """Gradient of ReLU's input from its result ``y`` (channels last)."""
    dyl, dx = to_last(dy), empty_last(y.shape)
    _flat("relu_backward", prod(y.shape))(y.data_ptr(), dyl.data_ptr(), dx.data_ptr())
    return dx


class _ReLU(PyLayer):
    @staticmethod
    def forward(ctx, x):
        y = rectified(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensor()
        return rectified_gradient(y, dy)


def relu(x):
    """``max(x, 0)``."""
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return mark(_ReLU.apply(x))
    with paddle.no_grad():
        return rectified(x)


def dropout(x, rate: float):
    """Single values dropped with probability ``rate``, the rest scaled up (train mode)."""
    return first_view(F.dropout(last_view(as_last(x)), p=rate, training=True))


def dropout2d(x, rate: float):
    """Whole channels dropped with probability ``rate``, the rest scaled up (train mode)."""
    return scale_channels(x, channel_factors(x.shape[:2], rate))


def channel_factors(shape, rate: float):
    """What dropout of whole channels multiplies maps by: ``[N, C]`` of 0 and ``1 / (1 - rate)``."""
    return F.dropout(paddle.ones(shape), p=rate, training=True)


def scaled(x, factors, into=None):
    """``x [N, C, H, W] * factors [N, C]``, an image at a time: oneDNN broadcasts over places, not over images.

    ``into`` may be ``x`` itself, in channels-last order.
    """
    n, c, h, w = x.shape
    xl, y = to_last(x), empty_last(x.shape) if into is None else into

    def build():
        library = load()
        image, factor = channels_last(library, (1, c, h, w)), channels_last(library, (1, c, 1, 1))
        arguments = (library.engine, dnnl.BINARY_MUL, image, factor, image, Attributes(library))
        return Primitive(
            library,
            library.binary_primitive_desc_create,
            arguments,
            [(dnnl.SRC, image), (dnnl.SRC_1, factor), (dnnl.DST, image)],
            allow_reference=True,
        )

    primitive = cached(("scale_channels", c, h, w), build)
    for i in range(n):
        offset = 4 * i * c * h * w
        primitive(xl.data_ptr() + offset, factors.data_ptr() + 4 * i * c, y.data_ptr() + offset)
    return y


class _ScaleChannels(PyLayer):
    @staticmethod
    def forward(ctx, x, factors):
        ctx.factors = factors
        return scaled(x, factors)

    @staticmethod
    def backward(ctx, dy):
        return scaled(dy, ctx.factors)


def scale_channels(x, factors):
    """``x [N, C, H, W]`` times constants ``[N, C]``."""
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return mark(_ScaleChannels.apply(x, factors))
    with paddle.no_grad():
        return scaled(x, factors)
