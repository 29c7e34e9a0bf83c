"""Forward functions that stand in for those of Paddle's layers.

Each takes the layer as ``self``, reads its parameters and attributes as they
are, and hands over to the layer's own ``forward`` whatever it cannot do.
"""

from __future__ import annotations

import paddle
from paddle import nn

from . import conv, fused, norm, pointwise, pool
from . import prelu as prelu_op
from .branch import take
from .choose import prefers_onednn
from .dnnl import DnnlError
from .layout import qualifies
from .policy import Policy


def original(layer, *args, **kwargs):
    """What the layer's class would do."""
    return type(layer).forward(layer, *args, **kwargs)


def pair(value) -> tuple[int, int]:
    """``3`` or ``[3]`` or ``(3, 3)`` as a pair."""
    if isinstance(value, (list, tuple)):
        return (int(value[0]), int(value[-1]))
    return (int(value), int(value))


def four_pads(padding) -> tuple[int, int, int, int] | None:
    """Paddle's ways of writing padding as (top, bottom, left, right); ``None`` for ``"SAME"`` and the unknown."""
    if isinstance(padding, str):
        return (0, 0, 0, 0) if padding.upper() == "VALID" else None
    if isinstance(padding, int):
        return (padding,) * 4
    flat = list(padding)
    if len(flat) == 4 and all(isinstance(p, (list, tuple)) for p in flat):  # a pair per axis, NCHW
        flat = [int(p) for axis in flat[2:] for p in axis] if not any(flat[0]) and not any(flat[1]) else []
    if len(flat) == 1:
        return (int(flat[0]),) * 4
    if len(flat) == 2:
        return (int(flat[0]),) * 2 + (int(flat[1]),) * 2
    return tuple(int(p) for p in flat) if len(flat) == 4 else None


def has_hooks(layer) -> bool:
    """Whether someone listens to the layer's calls (then it must be called, not fused)."""
    return bool(layer._forward_pre_hooks or layer._forward_post_hooks)


def ours(layer, *kinds) -> bool:
    """Whether the layer is an accelerated one of these kinds that may be run without being called."""
    return isinstance(layer, kinds) and "_accel" in layer.__dict__ and not has_hooks(layer)


def _geometry(layer, x, output_size=None):
    """Geometry of a convolution layer on ``x``, or ``None`` where it is out of our range."""
    if x.ndim != 4 or not qualifies(x, layer.weight) or (layer.bias is not None and not qualifies(layer.bias)):
        return None
    if output_size is not None or layer._padding_mode != "zeros" or layer._padding_algorithm == "SAME":
        return None
    transposed = isinstance(layer, nn.Conv2DTranspose)
    padding = layer._padding if transposed else layer._updated_padding
    asked = (x.shape, layer.weight.shape, padding, layer._stride, layer._dilation, layer._groups, layer._data_format)
    if transposed:
        asked += (layer.output_padding,)
    known = layer.__dict__.get("_accel_geometry")
    if known is None or known[0] != asked:
        known = layer.__dict__["_accel_geometry"] = (asked, _new_geometry(layer, x, padding, transposed))
    return known[1]


def _new_geometry(layer, x, padding, transposed: bool):
    """:func:`_geometry` of a shape that the layer did not have in front of it the last time."""
    pads = four_pads(padding)
    if pads is None or layer._data_format != "NCHW" or 0 in x.shape or x.shape[1] != layer._in_channels:
        return None  # the layer's own forward has the error message
    options = {"stride": pair(layer._stride), "pads": pads, "dilation": pair(layer._dilation), "groups": layer._groups}
    if transposed:
        return conv.transposed_convolution(x, layer.weight, output_padding=pair(layer.output_padding or 0), **options)
    return conv.convolution(x, layer.weight, **options)


def _math(layer, policy: Policy, g, x) -> str | None:
    """``"fp32"``, ``"bf16"`` or ``None`` for Paddle."""
    mode = policy.of(layer)
    if mode != "auto":
        return mode
    train = paddle.is_grad_enabled() and not (layer.weight.stop_gradient and x.stop_gradient)
    chosen = prefers_onednn(g, bias=layer.bias is not None, train=train, example=(x, layer.weight))
    return "fp32" if chosen else None


def conv2d(self, x, output_size=None):
    """``nn.Conv2D.forward`` and ``nn.Conv2DTranspose.forward``."""
    policy: Policy = self._accel
    g = _geometry(self, x, output_size) if policy.of(self) != "off" else None
    maths = [_math(self, policy, g, x)] if g is not None and min(g.out) > 0 else []
    if maths == ["bf16"]:
        maths.append("fp32")
    for math in filter(None, maths):
        try:
            return conv.convolve(take(x), self.weight, self.bias, g, math)
        except DnnlError as e:
            policy.step_aside(f"{math} {type(self).__name__} {g.channels}->{g.out_channels} {g.kernel}", e)
    return original(self, x) if output_size is None else original(self, x, output_size)


def conv_norm(self, norm_layer, act, x):
    """Convolution, normalisation with fixed statistics and activation in one pass, without gradients; else ``None``.

    Args:
        act: the ``nn.ReLU`` or ``nn.PReLU`` that follows, or ``None``.
    """
    policy: Policy = self._accel
    if paddle.is_grad_enabled() or not _uses_running(norm_layer) or policy.of(self) == "off":
        return None
    if norm_layer._data_format != "NCHW":
        return None
    g = _geometry(self, x)
    if g is None or min(g.out) < 1 or not qualifies(norm_layer._mean, norm_layer._variance):
        return None
    math, (kind, slopes) = _math(self, policy, g, x), _activation(act)
    if math is None or (slopes is not None and not _bends(act, g.out_channels)):
        return None
    scale, shift = norm.as_affine(
        norm_layer.weight, norm_layer.bias, norm_layer._mean, norm_layer._variance, norm_layer._epsilon
    )
    try:
        return conv.convolve_affine(x, self.weight, self.bias, g, math, scale, shift, kind, slopes)
    except DnnlError:
        return None


def _activation(layer):
    """``("relu" | "prelu" | None, slopes)`` of an activation layer or of ``None``."""
    if isinstance(layer, nn.PReLU):
        return "prelu", layer._weight
    return (None if layer is None else "relu"), None


def _uses_running(norm_layer) -> bool:
    """Whether a normalisation takes its running statistics in place of the batch's."""
    given = norm_layer._use_global_stats
    return not norm_layer.training if given is None else given


def unit(self, norm_layer, act, drop, x):
    """Convolution, normalisation, activation and dropout of channels as one node, in training; else ``None``.

    Args:
        act: the ``nn.ReLU`` or ``nn.PReLU`` that follows, or ``None``.
        drop: the ``nn.Dropout2D`` behind it, or ``None``.
    """
    policy: Policy = self._accel
    if not paddle.is_grad_enabled() or "off" in (policy.of(self), policy.of(norm_layer)):
        return None
    g = _geometry(self, x)
    if g is None or min(g.out) < 1 or not _normalises(norm_layer, (g.batch, g.out_channels, *g.out)):
        return None
    kind, slopes = _activation(act)
    if slopes is not None and not _bends(act, g.out_channels):
        return None
    math = _math(self, policy, g, x)
    if math is None:
        return None
    scale, shift = norm_layer.weight, norm_layer.bias
    fixed = _uses_running(norm_layer)
    whole = fused.Unit(g, math, self.bias is not None, scale is not None, norm_layer._epsilon, fixed, kind)
    running = norm.Running(norm_layer._mean, norm_layer._variance, norm_layer._momentum)
    rate = drop.p if drop is not None and drop.training else 0.0
    try:
        return fused.run(whole, running, rate, take(x), self.weight, self.bias, scale, shift, slopes)
    except DnnlError:
        return None  # the parts say what is left to Paddle


def _normalises(layer, shape) -> bool:
    """Whether our normalisation does what the layer does to a map of that shape."""
    n, c, h, w = shape
    return (
        layer._data_format == "NCHW"
        and (layer.weight is None) == (layer.bias is None)
        and (layer.weight is None or qualifies(layer.weight, layer.bias))
        and n * h * w > 1
        and c == layer._num_features
    )


def _bends(layer, channels: int) -> bool:
    """Whether our PReLU does what the layer does to that many channels."""
    return layer._data_format == "NCHW" and qualifies(layer._weight) and layer._weight.shape[0] in (1, channels)


def batch_norm(self, x, relu: bool = False):
    """``nn.BatchNorm2D.forward``, then ReLU if asked."""
    policy: Policy = self._accel
    usable = (
        policy.of(self) != "off"
        and x.ndim == 4
        and qualifies(x)
        and pointwise.worth_it(x)
        and _normalises(self, x.shape)
    )
    if usable:
        try:
            return norm.batch_norm(
                x,
                self.weight,
                self.bias,
                self._mean,
                self._variance,
                momentum=self._momentum,
                epsilon=self._epsilon,
                training=self.training,
                use_global_stats=self._use_global_stats,
                relu=relu,
            )
        except DnnlError as e:
            policy.step_aside(type(self).__name__, e)
    y = original(self, x)
    return nn.functional.relu(y) if relu else y


def relu(self, x):
    """``nn.ReLU.forward``."""
    if self._accel.of(self) != "off" and x.ndim == 4 and qualifies(x) and pointwise.worth_it(x):
        return pointwise.relu(x)
    return original(self, x)


def prelu(self, x):
    """``nn.PReLU.forward``, one slope or one a channel."""
    policy: Policy = self._accel
    if policy.of(self) != "off" and x.ndim == 4 and 0 not in x.shape and qualifies(x) and _bends(self, x.shape[1]):
        try:
            return prelu_op.prelu(x, self._weight)
        except DnnlError as e:
            policy.step_aside("PReLU", e)
    return original(self, x)


def dropout(self, x):
    """``nn.Dropout.forward`` and ``nn.Dropout2D.forward`` in the layout the map has."""
    plain = isinstance(self, nn.Dropout2D) or (self.mode == "upscale_in_train" and self.axis is None)
    usable = (
        self.training
        and plain
        and self._accel.of(self) != "off"
        and 0 < self.p < 1
        and x.ndim == 4
        and qualifies(x)
        and pointwise.worth_it(x)
        and getattr(self, "data_format", "NCHW") == "NCHW"
    )
    if not usable:
        return original(self, x)
    return (pointwise.dropout2d if isinstance(self, nn.Dropout2D) else pointwise.dropout)(x, self.p)


def max_pool(self, x):
    """``nn.MaxPool2D.forward``."""
    policy: Policy = self._accel
    pads = four_pads(self.padding)
    if (
        policy.of(self) != "off"
        and pads is not None
        and self.data_format == "NCHW"
        and x.ndim == 4
        and qualifies(x)
        and pointwise.worth_it(x)
    ):
        kernel = pair(self.ksize)
        stride = kernel if self.stride is None else pair(self.stride)
        try:
            return pool.max_pool(take(x), kernel, stride, pads, ceil_mode=self.ceil_mode, return_mask=self.return_mask)
        except DnnlError as e:
            policy.step_aside("MaxPool2D", e)
    return original(self, x)
