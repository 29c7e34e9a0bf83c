"""A forward pass without arithmetic: shapes flow through the real code, the heavy layers return zeros.

``paddle.flops`` fails on NumPy 2 and knows neither dilated heads nor graph
units. Running the network for its shapes takes minutes for the large ones at
512 x 512 on a CPU; replacing the convolutions takes well under a second, needs
no weights (a model built under ``paddle.LazyGuard`` will do) and still runs
every line of the network's own ``forward``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

OnCall = Callable[[nn.Layer, paddle.Tensor, paddle.Tensor, int], None]


@contextlib.contextmanager
def phantom(on_call: OnCall) -> Iterator[None]:
    """Within the block, convolutions, linear layers and norms return zeros of the right shape.

    Args:
        on_call: ``f(layer, input, output, macs)`` after each of them. A multiply-add
            is counted once; biases and norms count nothing.
    """
    originals: dict[Any, Any] = {cls: vars(cls)["forward"] for cls in STAND_INS}

    def stand_in(cls: type[nn.Layer]) -> Callable[..., Tensor]:
        shape_and_macs = STAND_INS[cls]

        def forward(self: nn.Layer, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            shape, macs = shape_and_macs(self, x, *args, **kwargs)
            y = paddle.zeros(shape, dtype=x.dtype) if macs else x
            on_call(self, x, y, macs)
            return y

        return forward

    for cls in originals:
        cls.forward = stand_in(cls)
    try:
        with paddle.no_grad():
            yield
    finally:
        for cls, forward in originals.items():
            cls.forward = forward


def materialise(model: nn.Layer) -> None:
    """Draw the parameters of a lazily built model that a phantom pass does read."""
    for layer in model.sublayers(include_self=True):
        if not isinstance(layer, tuple(STAND_INS)):
            for parameter in layer._parameters.values():
                if parameter is not None and not parameter._is_initialized():
                    parameter.initialize()


def _conv2d(layer: nn.Layer, x: Tensor, *args: Any) -> tuple[list[int], int]:
    # One channel of zeros through the real operator: Paddle itself says what size comes out.
    kernel = paddle.zeros([1, 1, *layer.weight.shape[2:]])
    y = F.conv2d(x[:, :1], kernel, stride=layer._stride, padding=layer._padding, dilation=layer._dilation)
    shape = [x.shape[0], layer.weight.shape[0], *y.shape[2:]]
    return shape, prod(shape) * prod(layer.weight.shape[1:])


def _conv2d_transpose(layer: nn.Layer, x: Tensor, output_size: Any = None) -> tuple[list[int], int]:
    kernel = paddle.zeros([1, 1, *layer.weight.shape[2:]])
    y = F.conv2d_transpose(
        x[:, :1],
        kernel,
        stride=layer._stride,
        padding=layer._padding,
        dilation=layer._dilation,
        output_padding=layer.output_padding if output_size is None else 0,
        output_size=output_size,
    )
    shape = [x.shape[0], layer.weight.shape[1] * layer._groups, *y.shape[2:]]
    return shape, prod(x.shape) * prod(layer.weight.shape[1:])


def _conv1d(layer: nn.Layer, x: Tensor, *args: Any) -> tuple[list[int], int]:
    kernel = paddle.zeros([1, 1, layer.weight.shape[2]])
    y = F.conv1d(x[:, :1], kernel, stride=layer._stride, padding=layer._padding, dilation=layer._dilation)
    shape = [x.shape[0], layer.weight.shape[0], y.shape[2]]
    return shape, prod(shape) * prod(layer.weight.shape[1:])


def _linear(layer: nn.Layer, x: Tensor, *args: Any) -> tuple[list[int], int]:
    shape = [*x.shape[:-1], layer.weight.shape[1]]
    return shape, prod(shape) * layer.weight.shape[0]


def _unchanged(layer: nn.Layer, x: Tensor, *args: Any) -> tuple[list[int], int]:
    return x.shape, 0


STAND_INS = {
    nn.Conv1D: _conv1d,
    nn.Conv2D: _conv2d,
    nn.Conv2DTranspose: _conv2d_transpose,
    nn.Linear: _linear,
    nn.layer.norm._BatchNormBase: _unchanged,
}
