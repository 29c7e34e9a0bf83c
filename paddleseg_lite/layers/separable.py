"""Depthwise separable convolution (MobileNetV1, arXiv:1704.04861; DeepLab V3+, arXiv:1802.02611)."""

from __future__ import annotations

from paddle import nn

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
        in_channels,
        out_channels,
        kernel_size=3,
        *,
        stride=1,
        dilation=1,
        padding=None,
        depthwise_act=None,
        act="relu",
        bias=False,
        epsilon=1e-5,
        momentum=0.9,
    ):
        super().__init__()
        norm = {"epsilon": epsilon, "momentum": momentum}
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
            **norm,
        )
        self.pointwise = ConvBNAct(in_channels, out_channels, 1, act=act, bias=bias, **norm)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))
