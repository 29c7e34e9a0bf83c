"""Theoretical receptive fields, followed through a network as it runs.

Layer by layer along the deepest path, from (size 1, jump 1) at the image:

    size <- size + (k - 1) dilation jump,   jump <- jump stride

A transposed convolution sees ceil(k / stride) inputs and divides the jump. What
comes out of a function that is no layer (a sum, a concatenation, a resize) has
the largest size met so far and the jump that its resolution implies: with a
shortcut, a skip or parallel branches, that is the deepest path.

A layer that pools the whole map (pyramid and image pooling, squeeze-and-excitation)
or relates every pixel to every other (graphs, attention) shows each of its values
the whole picture, and so do all that use them: their field is marked ``whole``. The
size beside the mark is the local part, of the convolutions and small poolings alone.
Such a layer says so by an attribute ``sees_whole_map = True``.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from paddle import Tensor, nn


class Field(NamedTuple):
    """Side of the window one value sees, and distance between windows of neighbours, in pixels of the image.

    ``whole``: it sees all of the picture besides, through pooling, a graph or attention.
    """

    size: float
    jump: float
    whole: bool = False


class ReceptiveFields:
    """Fields of tensors, by the unique name that Paddle gives every tensor."""

    def __init__(self, input_height: int) -> None:
        self.input_height = input_height
        self.known: dict[str, Field] = {}
        self.largest = Field(1, 1)
        self.whole = False  # whether a layer that sees the whole map has been entered

    def start(self, image: Tensor) -> None:
        self.known[image.name] = Field(1, 1)

    def of(self, x: Tensor) -> Field:
        """The field of ``x``, remembered or inferred."""
        if x.name not in self.known:
            ratio = self.input_height / int(x.shape[2])
            jump = 2.0 ** round(math.log2(ratio)) if ratio > 1 else 1.0  # odd sizes: 33 from 513 is stride 16
            self.known[x.name] = Field(self.largest.size, jump, self.whole)
        return self.known[x.name]

    def through(self, layer: nn.Layer, x: Tensor, y: Tensor, *, first: bool) -> Field:
        """Record and return the field of ``y = layer(x)``; shared weights count on their first call."""
        size, jump, whole = self.of(x)
        kernel, stride, dilation = window(layer, x, y)
        if isinstance(layer, nn.Conv2DTranspose):
            size, jump = size + (math.ceil(kernel / stride) - 1) * jump, jump / stride
        else:
            size, jump = size + (kernel - 1) * dilation * jump, jump * stride
        seen = Field(size, jump, whole)
        if y is not x:
            self.known[y.name] = seen
        if first and size > self.largest.size:
            self.largest = seen
        return seen


def sees_whole_map(layer: nn.Layer) -> bool:
    """Whether a value that comes out of the layer depends on every pixel of the map that goes in."""
    pools_all = isinstance(layer, (nn.AdaptiveAvgPool2D, nn.AdaptiveMaxPool2D))
    return pools_all or bool(getattr(layer, "sees_whole_map", False))


def window(layer: nn.Layer, x: Tensor, y: Tensor) -> tuple[int, int, int]:
    """Kernel, stride and dilation (vertical); 1, 1, 1 for a layer that looks at one position."""
    if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose)):
        return layer._kernel_size[0], layer._stride[0], layer._dilation[0]
    if isinstance(layer, (nn.MaxPool2D, nn.AvgPool2D)):
        kernel = first_of(getattr(layer, "ksize", None))
        return kernel, first_of(layer.stride) or kernel, 1
    if x.ndim == 4 and x.shape[2] >= 2 * y.shape[2] - 1 > 1:  # pooling of another kind, windows side by side
        stride = round(x.shape[2] / y.shape[2])
        return stride, stride, 1
    return 1, 1, 1


def first_of(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) else value
