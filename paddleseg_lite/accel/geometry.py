"""Everything about a convolution but its numbers: sizes, window, and where Paddle keeps the weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """Everything about one convolution but its numbers.

    ``pads`` is (top, bottom, left, right); ``out`` is (H', W'). For a transposed
    convolution ``channels`` are those that come in and ``out_channels`` those that go out.
    """

    batch: int
    channels: int
    size: tuple[int, int]
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int
    out: tuple[int, int]
    transposed: bool = False

    def __post_init__(self):
        fields = (self.batch, self.channels, self.size, self.out_channels, self.kernel, self.stride, self.pads)
        fields += (self.dilation, self.groups, self.out, self.transposed)
        object.__setattr__(self, "_hash", hash(fields))  # asked for several times a step

    def __hash__(self) -> int:
        return self._hash

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape as oneDNN names it: ``[G,] O/G, I/G, kh, kw``."""
        inner = (self.out_channels // self.groups, self.channels // self.groups, *self.kernel)
        return (self.groups, *inner) if self.groups > 1 else inner

    @property
    def weight_strides(self) -> tuple[int, ...]:
        """Where those axes lie in Paddle's parameter (``[O, I/G, ..]``, transposed ``[I, O/G, ..]``)."""
        o, i = self.out_channels // self.groups, self.channels // self.groups
        kh, kw = self.kernel
        area = kh * kw
        inner = (area, o * area, kw, 1) if self.transposed else (i * area, area, kw, 1)
        return (o * i * area, *inner) if self.groups > 1 else inner

    @property
    def gaps(self) -> bool:
        """Whether strided windows leave places between them that get nothing from a transposed pass."""
        return any(s > d * (k - 1) + 1 for s, d, k in zip(self.stride, self.dilation, self.kernel))

    @property
    def pads_after(self) -> tuple[int, int]:
        """Padding at the bottom and right: less than ``pads`` by the output padding of a transposed convolution."""
        if not self.transposed:
            return self.pads[1], self.pads[3]
        return tuple(
            (side - 1) * s - before + d * (k - 1) + 1 - out
            for side, s, before, d, k, out in zip(
                self.size, self.stride, self.pads[::2], self.dilation, self.kernel, self.out
            )
        )


def convolution(x, weight, *, stride, pads, dilation, groups) -> Geometry:
    """Geometry of ``conv2d(x [N, C, H, W], weight [O, C/G, kh, kw])``."""
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    out = tuple(
        (side + before + after - d * (k - 1) - 1) // s + 1
        for side, before, after, d, k, s in zip((h, w), pads[::2], pads[1::2], dilation, (kh, kw), stride)
    )
    return Geometry(n, c, (h, w), o, (kh, kw), tuple(stride), tuple(pads), _spread(dilation, kh, kw), groups, out)


def transposed_convolution(x, weight, *, stride, pads, dilation, groups, output_padding=(0, 0)) -> Geometry:
    """Geometry of ``conv2d_transpose(x [N, C, H, W], weight [C, O/G, kh, kw])``."""
    n, c, h, w = x.shape
    _, o, kh, kw = weight.shape
    out = tuple(
        (side - 1) * s - before - after + d * (k - 1) + 1 + extra
        for side, before, after, d, k, s, extra in zip(
            (h, w), pads[::2], pads[1::2], dilation, (kh, kw), stride, output_padding
        )
    )
    return Geometry(
        n, c, (h, w), o * groups, (kh, kw), tuple(stride), tuple(pads), _spread(dilation, kh, kw), groups, out, True
    )


def _spread(dilation, kh: int, kw: int) -> tuple[int, int]:
    """Dilation with 1 where a side of the kernel is 1 and it has no effect (oneDNN then has better choices)."""
    return (dilation[0] if kh > 1 else 1, dilation[1] if kw > 1 else 1)
