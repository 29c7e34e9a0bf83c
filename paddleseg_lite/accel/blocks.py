"""Stand-ins for containers, where neighbours can be fused: convolution, normalisation, activation, dropout."""

from __future__ import annotations

import paddle
from paddle import nn

from . import layers
from .layers import ours


def _flat(members) -> list:
    """The layers in a row, those of containers within in place of these."""
    row = []
    for layer in members:
        row += _flat(layer._sub_layers.values()) if ours(layer, nn.Sequential) else [layer]
    return row


def _chain(members, x):
    """Run layers one after the other, fusing neighbours where that is exact."""
    row = _flat(members)
    index = 0
    while index < len(row):
        layer, rest = row[index], row[index + 1 :]
        if rest and ours(layer, nn.Conv2D) and ours(rest[0], nn.BatchNorm2D):
            y, count = _unit(layer, rest[0], rest[1:], x)
            if y is not None:
                x, index = y, index + count
                continue
        if rest and ours(layer, nn.BatchNorm2D) and ours(rest[0], nn.ReLU):
            x, index = layers.batch_norm(layer, x, relu=True), index + 2
        else:
            x, index = layer(x), index + 1
    return x


def _unit(conv, norm, rest, x):
    """The result of a convolution, a normalisation and what can be fused behind them, and of how many layers it is."""
    act = rest[0] if rest and ours(rest[0], nn.ReLU, nn.PReLU) else None
    count = 2 + (act is not None)
    if not paddle.is_grad_enabled():
        return layers.conv_norm(conv, norm, act, x), count
    behind = rest[count - 2 :]
    drop = behind[0] if behind and ours(behind[0], nn.Dropout2D) and 0 < behind[0].p < 1 else None
    return layers.unit(conv, norm, act, drop, x), count + (drop is not None)


def conv_bn_act(self, x):
    """``ConvBNAct.forward``."""
    return _chain([self.conv, self.bn, self.act], x)


def sequential(self, x):
    """``nn.Sequential.forward``."""
    return _chain(self._sub_layers.values(), x)
