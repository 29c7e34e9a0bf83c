"""The small convolutional classifier: torchvision's FCN head, and everyone's auxiliary head."""

from __future__ import annotations

from paddle import nn

from .conv import ConvBNAct


class FCNHead(nn.Layer):
    """3x3 convolution, BN, ReLU, dropout, 1x1 classifier; ``[N, C, H, W] -> [N, K, H, W]``.

    Args:
        in_channels: C.
        num_classes: K.
        width: of the 3x3 convolution; ``C // 4`` unless told.
        bias: bias on the 3x3 convolution (PaddleSeg).
        dropout: rate.
        channelwise: drop whole maps (Dropout2D) and not single values.
    """

    def __init__(self, in_channels, num_classes, *, width=None, bias=False, dropout=0.1, channelwise=False):
        super().__init__()
        width = width or max(1, in_channels // 4)
        self.conv = ConvBNAct(in_channels, width, 3, bias=bias)
        self.dropout = make_dropout(dropout, channelwise)
        self.classifier = nn.Conv2D(width, num_classes, 1)

    def forward(self, x):
        return self.classifier(self.dropout(self.conv(x)))


def make_dropout(rate: float, channelwise: bool = False) -> nn.Layer:
    """Dropout of single values or of whole maps; the identity for a rate of 0."""
    if not rate:
        return nn.Identity()
    return nn.Dropout2D(rate) if channelwise else nn.Dropout(rate)
