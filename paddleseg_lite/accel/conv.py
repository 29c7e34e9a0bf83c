"""Convolution and transposed convolution, forward and both backward passes, through oneDNN.

Activations go in and out with adjacent channels (:mod:`.layout`); weights stay
Paddle's and are repacked at each use, since an optimizer may have moved them.
With ``math="bf16"`` activations and weights are rounded to bf16, products are
summed in f32 and results are f32, so the layers between stay in f32.
"""

from __future__ import annotations

import paddle
from paddle.autograd import PyLayer

from . import blocked, dnnl, phases, taps
from .dnnl import Dims
from .geometry import Geometry, convolution, transposed_convolution
from .layout import empty, empty_last, last_view, reorder, to_last, working_buffer
from .loading import load
from .pointwise import mark, per_channel
from .primitive import Attributes, Primitive, cached, channels_last, desc, plain, vector

__all__ = ["Geometry", "Plan", "convolution", "convolve", "convolve_affine", "plan", "transposed_convolution"]

_TYPES = {"fp32": (paddle.float32, dnnl.F32), "bf16": (paddle.bfloat16, dnnl.BF16)}


class Plan:
    """The compiled passes of one convolution, built when first needed.

    Args:
        math: ``"fp32"`` or ``"bf16"``.
        affine: fuse ``* scale[O] + shift[O]`` behind the forward pass (inference).
        act: fuse ``"relu"`` or ``"prelu"`` (with slopes ``[O]``) behind that.
    """

    def __init__(self, geometry: Geometry, math: str, *, bias: bool, affine: bool = False, act: str | None = None):
        self.library, self.geometry, self.math, self.bias = load(), geometry, math, bias
        self.dtype, kind = _TYPES[math]
        self._kind = kind
        g, library = geometry, self.library
        self.out_shape = (g.batch, g.out_channels, *g.out)
        shape = (g.batch, g.channels, *g.size)
        self._src, self._src32 = channels_last(library, shape, kind), channels_last(library, shape)
        self._dst, self._dst32 = channels_last(library, self.out_shape, kind), channels_last(library, self.out_shape)
        self._plain = desc(library, g.weight_shape, dnnl.F32, g.weight_strides)
        self._packed, self._packed32 = desc(library, g.weight_shape, kind), desc(library, g.weight_shape, dnnl.F32)
        self._vector = vector(library, g.out_channels)
        d = g.dilation
        self._window = (Dims(*g.stride), Dims(d[0] - 1, d[1] - 1), Dims(*g.pads[::2]), Dims(*g.pads_after))
        self._algorithm = dnnl.DECONV_DIRECT if g.transposed else dnnl.CONV_DIRECT
        self._attributes = Attributes(library)
        self._forward = self._create_forward(affine, act)
        self._forward_bytes = self._forward.bytes(dnnl.QUERY_WEIGHTS)
        self._pack_forward = reorder(library, self._plain, self._forward.queried(dnnl.QUERY_WEIGHTS))
        self._data = self._weights = None
        self._taps = taps.TapGradient(g, kind) if taps.suits(g, math) else None

    def _creator(self, name: str):
        prefix = "deconvolution" if self.geometry.transposed else "convolution"
        return getattr(self.library, f"{prefix}_{name}_primitive_desc_create")

    def _create_forward(self, affine: bool, act: str | None) -> Primitive:
        channel = plain(self.library, (1, self.geometry.out_channels, 1, 1))
        then: list[tuple] = [("mul", channel), ("add", channel)] if affine else []
        attributes = Attributes(self.library, then=then + ([(act, None)] if act else []))
        bias = [(dnnl.BIAS, self._vector)] if self.bias else []
        slots = [(dnnl.SRC, self._src), (dnnl.WEIGHTS, ("query", dnnl.QUERY_WEIGHTS)), *bias, (dnnl.DST, self._dst32)]
        if affine:
            slots += [(dnnl.POST_OP_BASE * (i + 1) | dnnl.SRC_1, channel) for i in range(2)]
        if act == "prelu":
            slots.append((dnnl.POST_OP_BASE * (len(then) + 1) | dnnl.WEIGHTS, self._vector))
        arguments = (
            self.library.engine,
            dnnl.FORWARD_TRAINING,
            self._algorithm,
            self._src,
            self._packed,
            self._vector if self.bias else None,
            self._dst32,
            *self._window,
            attributes,
        )
        return Primitive(self.library, self._creator("forward"), arguments, slots)

    def _backward_data(self) -> tuple[Primitive, Primitive, int]:
        if self._data is None:
            arguments = (
                self.library.engine,
                self._algorithm,
                self._src32,
                self._packed,
                self._dst,
                *self._window,
                self._forward.handle,
                self._attributes,
            )
            slots = [
                (dnnl.DIFF_DST, self._dst),
                (dnnl.WEIGHTS, ("query", dnnl.QUERY_WEIGHTS)),
                (dnnl.DIFF_SRC, self._src32),
            ]
            passed = Primitive(self.library, self._creator("backward_data"), arguments, slots)
            pack = reorder(self.library, self._plain, passed.queried(dnnl.QUERY_WEIGHTS))
            self._data = passed, pack, passed.bytes(dnnl.QUERY_WEIGHTS)
        return self._data

    def _backward_weights(self) -> tuple[Primitive, Primitive, blocked.Sorted, blocked.Sorted] | None:
        """The compiled pass and what sorts for it; ``None`` where the taps are the better way."""
        if self._taps is None and self._weights is None:
            free = blocked.suits(self.geometry, self.math)
            src, dst = (desc(self.library, s, self._kind) if free else d for s, d in self._maps())
            arguments = (
                self.library.engine,
                self._algorithm,
                src,
                self._packed32,
                self._vector if self.bias else None,
                dst,
                *self._window,
                self._forward.handle,
                self._attributes,
            )
            bias = [(dnnl.DIFF_BIAS, self._vector)] if self.bias else []
            slots = [
                (dnnl.SRC, ("query", dnnl.QUERY_SRC)),
                (dnnl.DIFF_DST, ("query", dnnl.QUERY_DIFF_DST)),
                (dnnl.DIFF_WEIGHTS, ("query", dnnl.QUERY_DIFF_WEIGHTS)),
                *bias,
            ]
            passed = Primitive(self.library, self._creator("backward_weights"), arguments, slots)
            if "gemm" in passed.implementation and taps.possible(self.geometry):  # im2col: nine copies of the input
                self._taps = taps.TapGradient(self.geometry, self._kind)
                return None
            unpack = reorder(self.library, passed.queried(dnnl.QUERY_DIFF_WEIGHTS), self._plain)
            self._weights = (
                passed,
                unpack,
                blocked.Sorted(self.library, self._src, passed, dnnl.QUERY_SRC),
                blocked.Sorted(self.library, self._dst, passed, dnnl.QUERY_DIFF_DST),
            )
        return self._weights

    def _maps(self):
        """Shape and channels-last description of input and output, in the plan's type."""
        g = self.geometry
        return ((g.batch, g.channels, *g.size), self._src), (self.out_shape, self._dst)

    def prepare_backward(self) -> Plan:
        """Compile both backward passes now; raises :class:`dnnl.Unimplemented` where one is missing."""
        self._backward_data()
        self._backward_weights()
        return self

    def implementations(self) -> list[str]:
        """Names of the implementations compiled so far."""
        passes = [self._forward] + [p[0] for p in (self._data, self._weights) if p]
        return [p.implementation for p in passes]

    def forward(self, x, weight, bias=None, affine=()):
        """``x``: channels last, in the plan's type. Returns f32, channels last."""
        y = _blank(self.out_shape, self.geometry.transposed and self.geometry.gaps)
        packed, keep = working_buffer(self._forward_bytes)
        self._pack_forward(weight.data_ptr(), packed)
        tail = (bias.data_ptr(),) if self.bias else ()
        fused = [v.data_ptr() for v in affine]
        self._forward(x.data_ptr(), packed, *tail, y.data_ptr(), *fused)
        del keep
        return y

    def backward_data(self, dy, weight):
        """Gradient of the input (f32) from ``dy`` in the plan's type."""
        passed, pack, size = self._backward_data()
        g = self.geometry
        dx = _blank((g.batch, g.channels, *g.size), g.gaps and not g.transposed)
        packed, keep = working_buffer(size)
        pack(weight.data_ptr(), packed)
        passed(dy.data_ptr(), packed, dx.data_ptr())
        del keep
        return dx

    def backward_weights(self, x, dy, weight):
        """Gradients of weight and bias (``None`` without bias), both f32."""
        dw = empty(weight.shape)
        db = empty([self.geometry.out_channels]) if self.bias else None
        compiled = self._backward_weights()
        if compiled is None:
            self._taps(x, dy, dw)
            if self.bias:
                self._taps.bias(dy, db)
            return dw, db
        passed, unpack, sort_x, sort_dy = compiled
        packed, keep = working_buffer(passed.bytes(dnnl.QUERY_DIFF_WEIGHTS))
        (x_at, keep_x), (dy_at, keep_dy) = sort_x(x.data_ptr()), sort_dy(dy.data_ptr())
        passed(x_at, dy_at, packed, *((db.data_ptr(),) if self.bias else ()))
        del keep_x, keep_dy
        unpack(packed, dw.data_ptr())
        del keep
        return dw, db


def _blank(shape, zeros: bool):
    """Memory for a result; zeroed where not every implementation of oneDNN writes the gaps."""
    y = empty_last(shape)
    if zeros:
        last_view(y).zero_()
    return y


def plan(
    geometry: Geometry, math: str, *, bias: bool, affine: bool = False, act: str | None = None
) -> Plan | phases.PhasedPlan:
    """This thread's plan for the geometry."""

    def build():
        if not phases.suits(geometry):
            return Plan(geometry, math, bias=bias, affine=affine, act=act)
        inner = Plan(phases.inner(geometry), math, bias=bias, affine=affine, act=act)
        return phases.PhasedPlan(geometry, inner, _TYPES[math][1])

    return cached(("conv", geometry, math, bias, affine, act), build)


class _Convolve(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, bias, geometry, math):
        p = plan(geometry, math, bias=bias is not None)
        xl = to_last(x, p.dtype)
        ctx.geometry, ctx.math, ctx.has_bias = geometry, math, bias is not None
        ctx.needs = [not t.stop_gradient for t in (x, weight, bias) if t is not None]
        if xl is x:
            ctx.converted = None
            ctx.save_for_backward(x, weight)
        else:  # keep the copy alone: in bf16 half the memory of the input
            ctx.converted = xl
            ctx.save_for_backward(weight)
        return p.forward(xl, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        *kept, weight = ctx.saved_tensor()
        x = kept[0] if kept else ctx.converted
        grads = gradients(plan(ctx.geometry, ctx.math, bias=ctx.has_bias), x, dy, weight, ctx.needs)
        return tuple(g if needed else None for g, needed in zip(grads, ctx.needs))


def gradients(p, x, dy, weight, needs) -> list:
    """Of input, weight and bias (if there is one), those of ``needs``; ``x`` as the plan takes it."""
    dyl = to_last(dy, p.dtype)
    dx = p.backward_data(dyl, weight) if needs[0] else None
    dw, db = p.backward_weights(x, dyl, weight) if any(needs[1:]) else (None, None)
    return [dx, dw, db] if p.bias else [dx, dw]


def convolve(x, weight, bias, geometry: Geometry, math: str = "fp32"):
    """Differentiable convolution; ``[N, C, H, W]`` in, ``[N, O, H', W']`` out (channels last in memory)."""
    tensors = [t for t in (x, weight, bias) if t is not None]
    if paddle.is_grad_enabled() and not all(t.stop_gradient for t in tensors):
        return mark(_Convolve.apply(x, weight, bias, geometry, math))
    with paddle.no_grad():
        p = plan(geometry, math, bias=bias is not None)
        return p.forward(to_last(x, p.dtype), weight, bias)


@paddle.no_grad()
def convolve_affine(x, weight, bias, geometry: Geometry, math: str, scale, shift, act: str | None, slopes=None):
    """``convolve(...) * scale[O] + shift[O]``, then ``act`` (``"relu"``, ``"prelu"``), in one pass; for inference."""
    p = plan(geometry, math, bias=bias is not None, affine=True, act=act)
    fused = (scale, shift) if slopes is None else (scale, shift, per_channel(slopes, geometry.out_channels))
    return p.forward(to_last(x, p.dtype), weight, bias, fused)
