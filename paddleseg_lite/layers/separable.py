"""Depthwise separable convolution (MobileNetV1, arXiv:1704.04861; DeepLab V3+, arXiv:1802.02611)."""

from __future__ import annotations

from paddle import Tensor, nn

from .conv import ConvBNAct


class SeparableConv(nn.Layer):
    """Depthwise k x k -> BN (-> act) -> pointwise 1 x 1 -> BN -> act.

    Args:
        in_channels, out_channels: channels in and out.
        kernel_size, stride, dilation, padding: of the depthwise convolution.
        depthwise_act: activation after the depthwise norm; ``None`` as in
            PaddleSeg, ``"relu"`` as in the Xception of DeepLab V3+.
        act: activation at the end.
        bias: bias on both convolutions (PaddleSeg).
        epsilon, momentum: of both norms, Paddle's convention.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: int | list[int] | None = None,
        depthwise_act: str | None = None,
        act: str | None = "relu",
        bias: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        self.depthwise = ConvBNAct(
            in_channels,
            in_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            padding=padding,
            groups=in_channels,
            act=depthwise_act,
            bias=bias,
            epsilon=epsilon,
            momentum=momentum,
        )
        self.pointwise = ConvBNAct(in_channels, out_channels, 1, act=act, bias=bias, epsilon=epsilon, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))
