"""Initialisation that the papers name and Paddle's defaults do not give."""

from __future__ import annotations

import math

from paddle import nn


def kaiming_fan_out(layer: nn.Layer) -> nn.Layer:
    """Draw the weights of every 2-D convolution below ``layer`` from N(0, 2 / (k * k * out)); biases to zero.

    He et al., arXiv:1502.01852, equation 14 (the form the ResNets were trained
    from). Paddle's own default divides by the fan in. Returns ``layer``.
    """
    for sub in layer.sublayers(include_self=True):
        if isinstance(sub, nn.Conv2D):
            fan_out = sub.weight.shape[0] * math.prod(sub.weight.shape[2:])
            nn.initializer.KaimingNormal(fan_in=fan_out)(sub.weight)
            if sub.bias is not None:
                nn.initializer.Constant(0.0)(sub.bias)
    return layer
