"""Paddle tensors as oneDNN sees them: which qualify, where their data is, and in which order.

Accelerated layers hand each other tensors of shape ``[N, C, H, W]`` whose
channels are adjacent in memory (the order oneDNN is fastest in). To Paddle
these are ordinary tensors with unusual strides: any other operation accepts
them and makes its own contiguous copy, so nothing in a network has to know.
"""

from __future__ import annotations

import paddle
from paddle.autograd import PyLayer

from . import dnnl
from .dnnl import Library
from .loading import load
from .primitive import Attributes, Primitive, cached, desc, packed_pointer, row_major

_TO_LAST, _TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
_F32 = paddle.float32
_KEPT_BYTES = 1 << 20
_TYPES = {paddle.float32: dnnl.F32, paddle.bfloat16: dnnl.BF16}


def qualifies(*tensors) -> bool:
    """Whether all are dense float32 tensors on the CPU, in eager mode."""
    if not paddle.in_dynamic_mode():
        return False
    for t in tensors:
        kind = t.dtype
        if not ((kind is _F32 or kind == _F32) and t.place.is_cpu_place() and t.is_dense()):
            return False
    return True


def is_channels_last(x) -> bool:
    """Whether ``x [N, C, H, W]`` lies in memory as ``[N, H, W, C]`` without gaps."""
    n, c, h, w = x.shape
    sn, sc, sh, sw = x.strides
    return (sc == 1 or c == 1) and (sw == c or w == 1) and (sh == w * c or h == 1) and (sn == h * w * c or n == 1)


def _kernels():
    """Paddle's allocation and transposition without their argument handling: 4 us a map instead of 12."""
    try:
        from paddle import _C_ops

        place = paddle.CPUPlace()
        _C_ops.transpose(_C_ops.empty([1, 1, 1, 1], paddle.float32, place), _TO_FIRST)
    except Exception:  # another Paddle: its public functions do the same
        return (lambda shape, dtype: paddle.empty(shape, dtype=dtype)), (lambda x, axes: x.transpose(axes))
    return (lambda shape, dtype: _C_ops.empty(shape, dtype, place)), _C_ops.transpose


_empty, _transpose = _kernels()


def empty(shape, dtype=paddle.float32):
    """An uninitialised tensor."""
    return _empty(list(shape), dtype)


def empty_last(shape, dtype=paddle.float32):
    """An uninitialised tensor of shape ``[N, C, H, W]`` with adjacent channels."""
    n, c, h, w = shape
    return _transpose(_empty([n, h, w, c], dtype), _TO_FIRST)


def to_last(x, dtype=paddle.float32):
    """``x`` with adjacent channels and the given type; ``x`` itself where it is so already. Not differentiable."""
    last = is_channels_last(x)
    if last and x.dtype is dtype:
        return x
    source, target = _TYPES[x.dtype], _TYPES[dtype]
    if last and source == target:
        return x
    shape = tuple(x.shape)
    y = empty_last(shape, dtype)
    if last:
        count = shape[0] * shape[1] * shape[2] * shape[3]
        convert(x.data_ptr(), y.data_ptr(), (count,), (1,), source, (1,), target)
    else:
        _, c, h, w = shape
        copy_to(x, y.data_ptr(), (h * w * c, 1, w * c, c), target)
    return y


def copy_to(x, address: int, strides, dtype: int = dnnl.F32) -> None:
    """Copy ``x`` to an address in the given strides and type."""
    shape = tuple(x.shape)
    try:
        convert(x.data_ptr(), address, shape, tuple(x.strides), _TYPES[x.dtype], strides, dtype)
    except dnnl.DnnlError:  # a view oneDNN cannot describe: broadcast, or every other column
        plain = paddle.assign(x)
        convert(plain.data_ptr(), address, shape, tuple(row_major(shape)), _TYPES[x.dtype], strides, dtype)


def to_first(x):
    """``x [N, C, H, W]`` as an ordinary contiguous tensor. Not differentiable."""
    if x.is_contiguous():
        return x
    shape = tuple(x.shape)
    y = empty(shape)
    convert(x.data_ptr(), y.data_ptr(), shape, tuple(x.strides), dnnl.F32, tuple(row_major(shape)), dnnl.F32)
    return y


class _Relayout(PyLayer):
    """The same values in the other order; gradients pass as they come, each operation orders them for itself."""

    @staticmethod
    def forward(ctx, x, function):
        return function(x)

    @staticmethod
    def backward(ctx, dy):
        return dy


def _differentiable(function, x):
    if paddle.is_grad_enabled() and not x.stop_gradient:
        return _Relayout.apply(x, function)
    with paddle.no_grad():
        return function(x)


def as_last(x):
    """Differentiable :func:`to_last` in float32."""
    return x if is_channels_last(x) else _differentiable(to_last, x)


def as_first(x):
    """Differentiable :func:`to_first` for feature maps with adjacent channels; anything else is returned as it is."""
    if x.ndim != 4 or not qualifies(x) or x.is_contiguous() or not is_channels_last(x):
        return x
    return _differentiable(to_first, x)


def convert(source: int, target: int, shape, strides, dtype, new_strides, new_dtype) -> None:
    """Copy between two layouts and types, given addresses."""
    library = load()

    def build():
        old, new = desc(library, shape, dtype, strides), desc(library, shape, new_dtype, new_strides)
        return reorder(library, old, new)

    cached(("convert", shape, strides, dtype, new_strides, new_dtype), build)(source, target)


def reorder(library: Library, source, target) -> Primitive:
    """A copy from one description to the other."""
    attributes = Attributes(library)
    arguments = (source, library.engine, target, library.engine, attributes)
    create = library.reorder_primitive_desc_create
    return Primitive(library, create, arguments, [(dnnl.SRC, source), (dnnl.DST, target)], allow_reference=True)


def last_view(x):
    """``x [N, C, H, W]`` seen as ``[N, H, W, C]``: contiguous where the channels are adjacent. Differentiable."""
    return _transpose(x, _TO_LAST)


def first_view(x):
    """The inverse of :func:`last_view`."""
    return _transpose(x, _TO_FIRST)


def working_buffer(size: int):
    """Address of that many bytes for weights on their way into an operation, and what must live until it is done.

    Small ones are the thread's own and cost nothing to come by; large ones are not kept.
    """
    if size <= _KEPT_BYTES:
        return packed_pointer(size), None
    buffer = bytes_buffer(size)
    return buffer.data_ptr(), buffer


def bytes_buffer(size: int):
    """An uninitialised buffer of ``size`` bytes as a Paddle tensor, so that Paddle's allocator owns it."""
    return empty([max(int(size), 1)], paddle.uint8)
