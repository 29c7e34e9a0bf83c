"""Dilated depthwise convolution as an ordinary one on every d-th row and column.

oneDNN's fast depthwise kernels know no dilation. With stride 1 and padding in
multiples of the dilation d, output row d i + r only meets input rows d (i + k) + r:
rows of the same phase r. So the map is sorted into its d x d phases, each a
small image of a larger batch, and convolved without dilation; short phases are
filled up with zeros, which is what the padding would have been.
"""

from __future__ import annotations

from dataclasses import replace

from . import dnnl
from .layout import bytes_buffer, convert, empty_last

FEWEST_ROWS = 3  # of a phase; with less, oneDNN's weight gradient takes its general kernel, ten times as slow


def suits(g) -> bool:
    """Whether the geometry is a dilated depthwise convolution that phases can express."""
    if g.transposed or g.groups == 1 or g.groups != g.channels or g.stride != (1, 1) or max(g.dilation) == 1:
        return False
    if any(p % d for p, d in zip(g.pads, (g.dilation[0],) * 2 + (g.dilation[1],) * 2)):
        return False
    return min(inner(g).pads) >= 0


def inner(g):
    """Geometry of the convolution without dilation, all phases in one batch."""
    (dh, dw), (kh, kw) = g.dilation, g.kernel
    size, out = ((max(-(-h // dh), FEWEST_ROWS), -(-w // dw)) for h, w in (g.size, g.out))
    top, left = g.pads[0] // dh, g.pads[2] // dw
    bottom, right = out[0] - size[0] - top + kh - 1, out[1] - size[1] - left + kw - 1
    return replace(g, batch=g.batch * dh * dw, size=size, out=out, dilation=(1, 1), pads=(top, bottom, left, right))


def _blocks(length: int, phases: int):
    """``(first position inside a phase, positions, phases)`` of the full part and of the rest."""
    full, rest = divmod(length, phases)
    return [b for b in ((0, full, phases), (full, 1, rest)) if b[1] and b[2]]


class Phases:
    """Sorts maps ``[batch, channels, H, W]`` (channels last) into their phases and back."""

    def __init__(self, batch: int, channels: int, size, dilation, inner_size):
        self.batch, self.channels, self.size = batch, channels, size
        self.dilation, self.inner_size = dilation, inner_size
        self.whole = all(s == d * i for s, d, i in zip(size, dilation, inner_size))

    def _copies(self, to_phases: bool, address: int, other: int, dtype: int) -> None:
        (height, width), (dh, dw), (ih, iw), c = self.size, self.dilation, self.inner_size, self.channels
        item = 2 if dtype == dnnl.BF16 else 4
        image = ih * iw * c  # one phase of one image
        plain = (height * width * c, dh * width * c, width * c, dw * c, c, 1)
        # batch, row, phase, column, phase, channel
        sorted_ = (image, iw * c, dw * self.batch * image, c, self.batch * image, 1)
        for top, rows, row_phases in _blocks(height, dh):
            for left, columns, column_phases in _blocks(width, dw):
                shape = (self.batch, rows, row_phases, columns, column_phases, c)
                here = address + item * (top * dh * width + left * dw) * c
                there = other + item * (top * iw + left) * c
                if to_phases:
                    convert(here, there, shape, plain, dtype, sorted_, dtype)
                else:
                    convert(there, here, shape, sorted_, dtype, plain, dtype)

    def split(self, x, dtype: int):
        """The phases of ``x``, as a buffer in the order of a channels-last batch."""
        (dh, dw), (ih, iw) = self.dilation, self.inner_size
        item = 2 if dtype == dnnl.BF16 else 4
        buffer = bytes_buffer(item * self.batch * dh * dw * ih * iw * self.channels)
        if not self.whole:
            buffer.zero_()
        self._copies(True, x.data_ptr(), buffer.data_ptr(), dtype)
        return buffer

    def join(self, phases):
        """The f32 map whose phases these are."""
        x = empty_last((self.batch, self.channels, *self.size))
        self._copies(False, x.data_ptr(), phases.data_ptr(), dnnl.F32)
        return x


class PhasedPlan:
    """What :class:`.conv.Plan` offers, around the plan of the convolution without dilation.

    Args:
        geometry: one that :func:`suits`.
        plan: of ``inner(geometry)``.
        kind: oneDNN's name of the plan's type.
    """

    def __init__(self, geometry, plan, kind: int):
        g = self.geometry = geometry
        self.plan, self.kind, self.dtype, self.math, self.bias = plan, kind, plan.dtype, plan.math, plan.bias
        self._in = Phases(g.batch, g.channels, g.size, g.dilation, plan.geometry.size)
        self._out = Phases(g.batch, g.out_channels, g.out, g.dilation, plan.geometry.out)

    def prepare_backward(self):
        """As :meth:`.conv.Plan.prepare_backward`."""
        self.plan.prepare_backward()
        return self

    def implementations(self) -> list[str]:
        """As :meth:`.conv.Plan.implementations`."""
        return self.plan.implementations()

    def forward(self, x, weight, bias=None, affine=()):
        """As :meth:`.conv.Plan.forward`."""
        return self._out.join(self.plan.forward(self._in.split(x, self.kind), weight, bias, affine))

    def backward_data(self, dy, weight):
        """As :meth:`.conv.Plan.backward_data`."""
        return self._in.join(self.plan.backward_data(self._out.split(dy, self.kind), weight))

    def backward_weights(self, x, dy, weight):
        """As :meth:`.conv.Plan.backward_weights`."""
        return self.plan.backward_weights(self._in.split(x, self.kind), self._out.split(dy, self.kind), weight)
