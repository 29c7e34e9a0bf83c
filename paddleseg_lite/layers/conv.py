"""Convolution, batch normalisation, activation: the unit every network is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paddle import Tensor, nn

from .norm import BatchNorm

ACTIVATIONS: dict[str | None, Callable[[], nn.Layer]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "prelu": lambda: nn.PReLU(1),
    None: nn.Identity,
}


class ConvBNAct(nn.Layer):
    """``act(BN(conv(x)))``; ``[N, in, H, W] -> [N, out, H', W']``.

    Args:
        in_channels, out_channels: channels in and out.
        kernel_size: side, or ``(h, w)``.
        stride, dilation, groups: as in ``nn.Conv2D``.
        padding: default keeps H, W at stride 1 (``dilation * (k - 1) // 2``).
        bias: bias on the convolution; off, since the norm has one (``True``
            reproduces references that carry both).
        act: ``"relu" | "relu6" | "prelu" | None``.
        epsilon, momentum: of the norm, Paddle's convention.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: int | list[int] | None = None,
        bias: bool = False,
        act: str | None = "relu",
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        if padding is None:
            sides = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
            padding = [dilation * (k - 1) // 2 for k in sides]
        self.conv = nn.Conv2D(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias_attr=None if bias else False,
        )
        self.bn = BatchNorm(out_channels, epsilon=epsilon, momentum=momentum)
        self.act = ACTIVATIONS[act]()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int = 3, **kwargs: Any) -> ConvBNAct:
    """:class:`ConvBNAct` with ReLU."""
    return ConvBNAct(in_channels, out_channels, kernel_size, **kwargs)
