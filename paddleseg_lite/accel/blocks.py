"""Stand-ins for containers, where neighbours can be fused: convolution, batch normalisation, ReLU."""

from __future__ import annotations

from paddle import nn

from . import layers


def _ours(layer, kind) -> bool:
    """Whether the layer is an accelerated ``kind`` that may be run without being called."""
    return isinstance(layer, kind) and hasattr(layer, "_accel") and not layers.has_hooks(layer)


def _chain(members, x):
    """Run layers one after the other, fusing neighbours where that is exact."""
    index = 0
    while index < len(members):
        layer = members[index]
        following = members[index + 1] if index + 1 < len(members) else None
        relu = index + 2 < len(members) and type(members[index + 2]) is nn.ReLU and _ours(members[index + 2], nn.ReLU)
        if _ours(layer, nn.Conv2D) and _ours(following, nn.BatchNorm2D):
            y = layers.conv_norm(layer, following, x, relu)
            if y is not None:
                x, index = y, index + 2 + relu
                continue
        if _ours(layer, nn.BatchNorm2D) and type(following) is nn.ReLU and _ours(following, nn.ReLU):
            x, index = layers.batch_norm(layer, x, relu=True), index + 2
        else:
            x, index = layer(x), index + 1
    return x


def conv_bn_act(self, x):
    """``ConvBNAct.forward``."""
    return _chain([self.conv, self.bn, self.act], x)


def sequential(self, x):
    """``nn.Sequential.forward``."""
    return _chain(list(self._sub_layers.values()), x)
