"""Weight gradient as matrix products, one kernel position at a time.

oneDNN lowers widely dilated convolutions to im2col: nine copies of the input, of
which most are zeros when the dilation nears the size of the map (ASPP). Here
each kernel position ("tap") is one matrix product over the rectangle where it
meets the input:

    dW[o, i, a, b] = sum over n, h, w of dy[n, o, h, w] x[n, i, h + a d - top, w + b d - left]

Taps that never meet the input cost nothing. A 1x1 convolution is one tap, whose
product lands in the parameter's own layout.
"""

from __future__ import annotations

from dataclasses import replace

import paddle

from . import blocked, dnnl
from .layout import bytes_buffer, convert
from .loading import load
from .primitive import Attributes, Primitive, cached, desc

WIDE = 256 * 256  # input times output channels from which cutting rectangles pays for a dilated 3x3
HUGE = 2048 * 1024  # the same for a 3x3 without dilation, in fp32: its gradient no longer fits any cache


def possible(g) -> bool:
    """Whether the weight gradient is a sum of products at all."""
    return g.groups == 1 and not g.transposed and g.stride == (1, 1)


def suits(g, math: str = "fp32") -> bool:
    """Whether products are the better way for the geometry."""
    if not possible(g):
        return False
    if g.kernel == (1, 1):
        return not any(g.pads) and not blocked.suits(g, math)
    weights = g.channels * g.out_channels
    return weights >= WIDE if max(g.dilation) > 1 else weights >= HUGE and math == "fp32"


def _meet(offset: int, size: int, out: int) -> tuple[int, int]:
    """First position and number of the outputs whose input ``position + offset`` exists."""
    first = max(0, -offset)
    return first, max(0, min(out, size - offset) - first)


def _product(rows: int, columns: int, inner: int, left_strides, dtype: int) -> Primitive:
    """``[rows, inner] x [inner, columns] -> f32 [rows, columns]``; the right factor and the result row-major."""

    def build():
        library = load()
        left = desc(library, (rows, inner), dtype, left_strides)
        right = desc(library, (inner, columns), dtype, (columns, 1))
        result = desc(library, (rows, columns), dnnl.F32, (columns, 1))
        return Primitive(
            library,
            library.matmul_primitive_desc_create,
            (library.engine, left, right, None, result, Attributes(library)),
            [(dnnl.SRC, left), (dnnl.WEIGHTS, right), (dnnl.DST, result)],
            allow_reference=rows == 1,
        )

    return cached(("product", rows, columns, inner, left_strides, dtype), build)


class TapGradient:
    """``(x, dy) -> dW [O, I, kh, kw]`` in f32, from channels-last tensors of the given oneDNN type."""

    def __init__(self, g, dtype: int):
        self.g, self.dtype, self.item = g, dtype, 2 if dtype == dnnl.BF16 else 4
        # from sorted maps where a tap alone is large enough for that
        self.sorts = blocked.suits(replace(g, kernel=(1, 1), dilation=(1, 1)), "bf16" if self.item == 2 else "fp32")
        self.taps = []  # (index, offset into x, offset into dy, rows, columns)
        (height, width), (out_h, out_w) = g.size, g.out
        for a in range(g.kernel[0]):
            for b in range(g.kernel[1]):
                down, right = a * g.dilation[0] - g.pads[0], b * g.dilation[1] - g.pads[2]
                top, rows = _meet(down, height, out_h)
                left, columns = _meet(right, width, out_w)
                if rows and columns:
                    x_at = ((top + down) * width + left + right) * g.channels * self.item
                    self.taps.append(
                        (a * g.kernel[1] + b, x_at, (top * out_w + left) * g.out_channels * self.item, rows, columns)
                    )

    def _cut(self, address: int, channels: int, size, rows: int, columns: int, buffer) -> int:
        """Copy a rectangle of every image together; returns the address of the copy."""
        n, (height, width) = self.g.batch, size
        if (rows, columns) == (height, width):
            return address
        shape = (n, channels, rows, columns)
        old = (height * width * channels, 1, width * channels, channels)
        new = (rows * columns * channels, 1, columns * channels, channels)
        convert(address, buffer.data_ptr(), shape, old, self.dtype, new, self.dtype)
        return buffer.data_ptr()

    def _sorted(self, x, dy, dw) -> None:
        """The taps by :class:`.blocked.RectangleProduct`, straight into the parameter's order."""
        g, area = self.g, self.g.kernel[0] * self.g.kernel[1]
        if len(self.taps) < area:
            dw.zero_()
        for index, x_at, dy_at, rows, columns in self.taps:
            product = blocked.rectangle_product(
                g.batch, rows, columns, g.channels, g.out_channels, g.size, g.out, (g.channels * area, area)
            )
            product(x.data_ptr() + x_at, dy.data_ptr() + dy_at, dw.data_ptr() + 4 * index)

    def __call__(self, x, dy, dw) -> None:
        g = self.g
        if self.sorts:
            self._sorted(x, dy, dw)
            return
        area, block = g.kernel[0] * g.kernel[1], g.out_channels * g.channels
        by_tap = dw if area == 1 else bytes_buffer(4 * area * block)
        if len(self.taps) < area:
            by_tap.zero_()
        most = max((g.batch * rows * columns for *_, rows, columns in self.taps), default=0)
        x_part, dy_part = (bytes_buffer(most * c * self.item) for c in (g.channels, g.out_channels))
        for index, x_at, dy_at, rows, columns in self.taps:
            left = self._cut(dy.data_ptr() + dy_at, g.out_channels, g.out, rows, columns, dy_part)
            right = self._cut(x.data_ptr() + x_at, g.channels, g.size, rows, columns, x_part)
            places = g.batch * rows * columns
            product = _product(g.out_channels, g.channels, places, (1, g.out_channels), self.dtype)
            product(left, right, by_tap.data_ptr() + 4 * index * block)
        if area > 1:
            kh, kw = g.kernel
            convert(
                by_tap.data_ptr(),
                dw.data_ptr(),
                (g.out_channels, g.channels, kh, kw),
                (g.channels, 1, kw * block, block),
                dnnl.F32,
                (g.channels * area, area, kw, 1),
                dnnl.F32,
            )

    def bias(self, dy, db) -> None:
        """``db[o] = sum of dy``: a product with ones."""
        places = self.g.batch * self.g.out[0] * self.g.out[1]
        ones = paddle.ones([places], dtype="bfloat16" if self.dtype == dnnl.BF16 else "float32")
        product = _product(1, self.g.out_channels, places, (places, 1), self.dtype)
        product(ones.data_ptr(), dy.data_ptr(), db.data_ptr())
