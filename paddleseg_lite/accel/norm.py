"""Batch normalisation through oneDNN, with ReLU fused behind it.

Conventions are Paddle's: ``momentum`` weighs the old running value, and the
running variance takes the biased batch variance.
"""

from __future__ import annotations

from functools import lru_cache

import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .layout import bytes_buffer, empty, empty_last, to_last
from .loading import load
from .pointwise import mark, rectified
from .pointwise import relu as rectify
from .primitive import Attributes, Primitive, cached, channels_last, vector


class Plan:
    """Forward and backward of one batch normalisation ``[N, C, H, W]``.

    Args:
        fixed: use given statistics instead of the batch's.
        affine: with scale and shift.
        relu: fuse ReLU.
    """

    def __init__(self, shape, epsilon: float, *, fixed: bool, affine: bool, relu: bool, train: bool):
        self.library, self.epsilon, self.affine, self.fixed = load(), epsilon, affine, fixed
        self.flags = (dnnl.GLOBAL_STATS * fixed) | ((dnnl.USE_SCALE | dnnl.USE_SHIFT) * affine) | dnnl.FUSE_RELU * relu
        self._data, self._vector = channels_last(self.library, shape), vector(self.library, shape[1])
        self._attributes = Attributes(self.library)
        kind = dnnl.FORWARD_TRAINING if train else dnnl.FORWARD_INFERENCE
        arguments = (self.library.engine, kind, self._data, self._data, epsilon, self.flags, self._attributes)
        statistics = [(dnnl.MEAN, self._vector), (dnnl.VARIANCE, self._vector)] * (train or fixed)
        scale = [(dnnl.SCALE, self._vector), (dnnl.SHIFT, self._vector)] * affine
        workspace = [(dnnl.WORKSPACE, ("query", dnnl.QUERY_WORKSPACE))] * (relu and train)
        self.forward = Primitive(
            self.library,
            self.library.batch_normalization_forward_primitive_desc_create,
            arguments,
            [(dnnl.SRC, self._data), (dnnl.DST, self._data), *statistics, *scale, *workspace],
            allow_reference=True,
        )
        self.workspace_bytes = self.forward.bytes(dnnl.QUERY_WORKSPACE) if workspace else 0
        self._backward: Primitive | None = None

    @property
    def fast(self) -> bool:
        """Whether the forward pass is one of oneDNN's compiled kernels, which do not fuse ReLU for every width."""
        return self.forward.implementation.startswith("bnorm")

    @property
    def backward(self) -> Primitive:
        """Called with x, dy, dx, mean, variance, (scale, dscale, dshift), (workspace)."""
        if self._backward is None:
            arguments = (
                self.library.engine,
                dnnl.BACKWARD,
                self._data,
                self._data,
                self._data,
                self.epsilon,
                self.flags,
                self.forward.handle,
                self._attributes,
            )
            slots = [
                (dnnl.SRC, self._data),
                (dnnl.DIFF_DST, self._data),
                (dnnl.DIFF_SRC, self._data),
                (dnnl.MEAN, self._vector),
                (dnnl.VARIANCE, self._vector),
            ]
            if self.affine:
                slots += [(n, self._vector) for n in (dnnl.SCALE, dnnl.DIFF_SCALE, dnnl.DIFF_SHIFT)]
            if self.workspace_bytes:
                slots.append((dnnl.WORKSPACE, ("query", dnnl.QUERY_WORKSPACE)))
            create = self.library.batch_normalization_backward_primitive_desc_create
            self._backward = Primitive(self.library, create, arguments, slots, allow_reference=True)
        return self._backward


def plan(shape, epsilon: float, **options) -> Plan:
    """This thread's plan."""
    key = ("norm", tuple(shape), epsilon, *sorted(options.items()))
    return cached(key, lambda: Plan(shape, epsilon, **options))


def _pointers(*tensors):
    return [t.data_ptr() for t in tensors if t is not None]


@lru_cache(maxsize=32)
def _constant(value: float):
    return paddle.to_tensor(value, place=paddle.CPUPlace())


def _kernel():
    """Paddle's ``lerp_`` without its argument handling: 2 us instead of 6."""
    try:
        from paddle import _C_ops

        a, b = paddle.zeros([1]), paddle.ones([1])
        _C_ops.lerp_(a, b, _constant(0.5))
        return _C_ops.lerp_ if float(a) == 0.5 else paddle.Tensor.lerp_
    except Exception:  # another Paddle: its public function does the same
        return paddle.Tensor.lerp_


_lerp = _kernel()


class Running:
    """Running statistics on their way into a PyLayer, which must not take them for inputs."""

    def __init__(self, mean, variance, momentum: float):
        self.mean, self.variance, self.momentum = mean, variance, momentum

    def move(self, mean, variance) -> None:
        for running, new in ((self.mean, mean), (self.variance, variance)):
            _lerp(running, new, _constant(1.0 - self.momentum))


def forward(p: Plan, x, weight, bias, running: Running):
    """Run the forward pass; returns x in its right layout, y, the statistics used and the workspace."""
    xl, y = to_last(x), empty_last(x.shape)
    mean, variance = running.mean, running.variance
    if not p.fixed:
        mean, variance = empty([x.shape[1]]), empty([x.shape[1]])
    workspace = bytes_buffer(p.workspace_bytes) if p.workspace_bytes else None
    p.forward(*_pointers(xl, y, mean, variance, weight, bias, workspace))
    if not p.fixed:
        running.move(mean, variance)
    return xl, y, (mean, variance), workspace


def gradients(p: Plan, x, dy, statistics, weight, workspace):
    """Of ``x`` (channels last), scale and shift (``None`` without them), from what :func:`forward` returned."""
    dyl, dx = to_last(dy), empty_last(x.shape)
    dscale, dshift = (None, None) if weight is None else (empty(weight.shape), empty(weight.shape))
    p.backward(*_pointers(x, dyl, dx, *statistics, weight, dscale, dshift, workspace))
    return dx, dscale, dshift


class _Normalise(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, bias, running, epsilon, options):
        p = plan(x.shape, epsilon, **options)
        xl, y, ctx.statistics, ctx.workspace = forward(p, x, weight, bias, running)
        ctx.epsilon, ctx.options, ctx.affine = epsilon, options, weight is not None
        ctx.needs = [not t.stop_gradient for t in (x, weight, bias) if t is not None]
        ctx.converted = None if xl is x else xl
        ctx.save_for_backward(*([x] if xl is x else []), *([weight] if weight is not None else []))
        return y

    @staticmethod
    def backward(ctx, dy):
        saved = list(ctx.saved_tensor())
        x = saved.pop(0) if ctx.converted is None else ctx.converted
        weight = saved[0] if ctx.affine else None
        p = plan(x.shape, ctx.epsilon, **ctx.options)
        grads = gradients(p, x, dy, ctx.statistics, weight, ctx.workspace)
        grads = grads if ctx.affine else grads[:1]
        return tuple(g if needed else None for g, needed in zip(grads, ctx.needs))


def batch_norm(
    x,
    weight,
    bias,
    running_mean,
    running_variance,
    *,
    momentum: float,
    epsilon: float,
    training: bool,
    use_global_stats: bool | None = None,
    relu: bool = False,
):
    """``F.batch_norm`` of ``[N, C, H, W]``, then ReLU if asked; channels last in memory.

    In train mode the running statistics are updated in place.
    """
    fixed = (not training) if use_global_stats is None else use_global_stats
    tensors = [t for t in (x, weight, bias) if t is not None]
    grad = paddle.is_grad_enabled() and not all(t.stop_gradient for t in tensors)
    options = {"fixed": fixed, "affine": weight is not None, "relu": relu, "train": grad or not fixed}
    apart = relu and not plan(x.shape, epsilon, **options).fast  # ReLU in a pass of its own is the faster way
    options["relu"] = relu and not apart
    running = Running(running_mean, running_variance, momentum)
    if grad:
        y = mark(_Normalise.apply(x, weight, bias, running, epsilon, options))
        return rectify(y) if apart else y
    with paddle.no_grad():
        y = forward(plan(x.shape, epsilon, **options), x, weight, bias, running)[1]
        return rectified(y, into=y) if apart else y


@paddle.no_grad()
def as_affine(weight, bias, mean, variance, epsilon: float):
    """Scale and shift ``[C]`` that normalise with fixed statistics."""
    scale = paddle.rsqrt(variance + epsilon)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    return scale, shift if bias is None else shift + bias
