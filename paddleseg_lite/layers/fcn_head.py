"""The small convolutional classifier: torchvision's FCN head, and everyone's auxiliary head."""

from __future__ import annotations

from paddle import Tensor, nn

from .conv import ConvBNAct


class FCNHead(nn.Layer):
    """Convolution, BN, ReLU, dropout, 1x1 classifier; ``[N, C, H, W] -> [N, K, H, W]``.

    Args:
        in_channels: C.
        num_classes: K.
        width: of the first convolution; ``C // 4`` unless told.
        kernel_size: of the first convolution: 3 (torchvision), 1 (PaddleSeg's FCN).
        bias: bias on the first convolution (PaddleSeg).
        dropout: rate.
        channelwise: drop whole maps (Dropout2D) and not single values.
        epsilon, momentum: of the norm, Paddle's convention.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        width: int | None = None,
        kernel_size: int = 3,
        bias: bool = False,
        dropout: float = 0.1,
        channelwise: bool = False,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> None:
        super().__init__()
        width = width or max(1, in_channels // 4)
        self.conv = ConvBNAct(in_channels, width, kernel_size, bias=bias, epsilon=epsilon, momentum=momentum)
        self.dropout = make_dropout(dropout, channelwise)
        self.classifier = nn.Conv2D(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.conv(x)))


def make_dropout(rate: float, channelwise: bool = False) -> nn.Layer:
    """Dropout of single values or of whole maps; the identity for a rate of 0."""
    if not rate:
        return nn.Identity()
    return nn.Dropout2D(rate) if channelwise else nn.Dropout(rate)
