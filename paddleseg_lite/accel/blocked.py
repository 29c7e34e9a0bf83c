"""Weight gradients from maps in oneDNN's blocked order, for processors with AVX2 and no AVX512.

Maps go through a network with adjacent channels. oneDNN's AVX2 kernels for the
weight gradient are poor in that order (30 to 130 GFLOP/s for a 3x3 where its own
blocked order gives 160 to 190, two Zen 4 cores held to AVX2), so there both maps
are sorted first. Forward and input gradient, and everything on AVX512, run at 90 %
of the peak with adjacent channels and stay.

The rule looks at instruction set and shape alone, never at a clock: runs repeat.
"""

from __future__ import annotations

from . import dnnl
from .dnnl import Dims
from .layout import bytes_buffer, reorder
from .loading import load
from .primitive import Attributes, Primitive, cached, desc

WORTH, WORTH_1X1 = 1 << 27, 1 << 28  # multiplications from which sorting pays, for wider kernels and for 1x1


def suits(g, math: str) -> bool:
    """Whether the weight gradient of the geometry is better computed from sorted maps."""
    if math != "fp32" or g.groups > 1 or max(g.dilation) > 1 or load().has(dnnl.ISA_AVX512_CORE):
        return False
    places = g.size if g.transposed else g.out
    area = g.kernel[0] * g.kernel[1]
    work = g.batch * places[0] * places[1] * area * g.channels * g.out_channels
    return work >= (WORTH if area > 1 else WORTH_1X1)


class Sorted:
    """Copies a map from the order it has into the one that a primitive asks for; nothing where they are equal.

    Args:
        given: description of the map as it comes.
        primitive, query: whose argument it is to be.
    """

    def __init__(self, library: dnnl.Library, given, primitive: Primitive, query: int):
        wanted = primitive.queried(query)
        self._bytes, self._copy = primitive.bytes(query), None
        if not library.memory_desc_equal(given, wanted):
            self._copy = reorder(library, given, wanted)

    def __call__(self, address: int):
        """The address to read, and the buffer that must live until then (or ``None``)."""
        if self._copy is None:
            return address, None
        buffer = bytes_buffer(self._bytes)
        self._copy(address, buffer.data_ptr())
        return buffer.data_ptr(), buffer


class RectangleProduct:
    """``dW[o, i] = sum of dy[o] x[i]`` over a rectangle of every image, as the gradient of a 1x1 convolution.

    On AVX2 twice as fast as oneDNN's matrix product for some shapes and never slower on large ones.

    Args:
        batch, rows, columns: of the rectangle.
        channels, out_channels: of ``x`` and ``dy``.
        size, out: height and width of the maps that the rectangles are cut from.
        dw_strides: of the result, for o and i.
    """

    def __init__(self, batch, rows, columns, channels, out_channels, size, out, dw_strides):
        library = self._library = load()
        src, dst = ((batch, c, rows, columns) for c in (channels, out_channels))
        weights = (out_channels, channels, 1, 1)
        free = [desc(library, shape, dnnl.F32) for shape in (src, weights, dst)]
        window = (Dims(1, 1), Dims(0, 0), Dims(0, 0), Dims(0, 0))
        attributes = Attributes(library)
        arguments = (library.engine, dnnl.FORWARD_TRAINING, dnnl.CONV_DIRECT, *free[:2], None, free[2])
        hint = Primitive(
            library, library.convolution_forward_primitive_desc_create, (*arguments, *window, attributes), []
        )
        asked = {
            dnnl.SRC: dnnl.QUERY_SRC,
            dnnl.DIFF_DST: dnnl.QUERY_DIFF_DST,
            dnnl.DIFF_WEIGHTS: dnnl.QUERY_DIFF_WEIGHTS,
        }
        self._pass = Primitive(
            library,
            library.convolution_backward_weights_primitive_desc_create,
            (library.engine, dnnl.CONV_DIRECT, *free[:2], None, free[2], *window, hint.handle, attributes),
            [(argument, ("query", query)) for argument, query in asked.items()],
        )
        cut = [
            desc(library, shape, dnnl.F32, (height * width * shape[1], 1, width * shape[1], shape[1]))
            for shape, (height, width) in ((src, size), (dst, out))
        ]
        self._sort_x = Sorted(library, cut[0], self._pass, dnnl.QUERY_SRC)
        self._sort_dy = Sorted(library, cut[1], self._pass, dnnl.QUERY_DIFF_DST)
        target = desc(library, weights, dnnl.F32, (*dw_strides, 1, 1))
        self._unpack = reorder(library, self._pass.queried(dnnl.QUERY_DIFF_WEIGHTS), target)

    def __call__(self, x: int, dy: int, dw: int) -> None:
        """Addresses of the rectangles' first values, and of the result's."""
        (x, keep_x), (dy, keep_dy) = self._sort_x(x), self._sort_dy(dy)
        packed = bytes_buffer(self._pass.bytes(dnnl.QUERY_DIFF_WEIGHTS))
        self._pass(x, dy, packed.data_ptr())
        self._unpack(packed.data_ptr(), dw)
        del keep_x, keep_dy


def rectangle_product(*shape) -> RectangleProduct:
    """This thread's product; arguments as of :class:`RectangleProduct`."""
    return cached(("rectangle", *shape), lambda: RectangleProduct(*shape))
