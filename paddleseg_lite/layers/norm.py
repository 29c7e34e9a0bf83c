"""Batch normalisation that refuses to normalise one value; its running statistics.

Paddle's BatchNorm in train mode returns its input unchanged, without a word,
when it sees a single value per channel (batch size 1 after global pooling).
:class:`BatchNorm` raises instead and names the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
from paddle import Tensor, nn

from ..errors import ConfigError


class BatchNorm(nn.BatchNorm2D):
    """``nn.BatchNorm2D`` with a guard; same parameters and state keys.

    Momentum and epsilon follow Paddle's convention: ``momentum`` is the weight
    of the old running value.

    Raises:
        ValueError: in train mode, when ``N * H * W == 1``.
    """

    structured_name: str = ""  # set by Segmentor once the whole model is built

    def __init__(self, num_features: int, *, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(num_features, momentum=momentum, epsilon=epsilon, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not self._use_global_stats and paddle.in_dynamic_mode():
            n, _, h, w = x.shape
            if n * h * w == 1:
                raise ValueError(
                    f"batch normalisation '{self.structured_name or self.full_name()}' sees one value per channel "
                    "in train mode and cannot estimate a variance: use a batch size of 2 or more, freeze the "
                    "batch normalisation (freeze_bn), or build the image-pooling branch with image_pool_norm=False."
                )
        return nn.BatchNorm2D.forward(self, x)  # not super(): Paddle 2.6 cannot convert it to a static graph


def running_statistics(layer: nn.Layer) -> list[paddle.Tensor]:
    """What a forward pass in train mode changes, and parameters that are frozen.

    Paddle keeps running statistics among the parameters, without gradient.
    """
    return [value for value in layer.state_dict().values() if value.stop_gradient]


def keep_statistics(layer: nn.Layer) -> Callable[[], None]:
    """Note the :func:`running_statistics`; the function returned puts them back."""
    kept = [(value, value.clone()) for value in running_statistics(layer)]

    def put_back() -> None:
        for value, before in kept:
            value.set_value(before)

    return put_back


FREEZE_BN = {  # a recipe's ``freeze_bn`` -> the backbone alone?, scales and shifts too?
    True: (False, True),
    "statistics": (False, False),
    "backbone": (True, True),
    "backbone_statistics": (True, False),
}


def apply_freeze_bn(model: nn.Layer, setting: bool | str) -> int:
    """Freeze norms of a network as a recipe's ``freeze_bn`` says.

    Args:
        model: a network, with a ``backbone`` where the setting names it.
        setting: ``False``: none. ``True``: every norm, its running statistics, scale and shift.
            ``"statistics"``: every norm, but scale and shift still train. ``"backbone"`` and
            ``"backbone_statistics"``: the same two for the backbone alone.

    Returns:
        The number of layers frozen.

    Raises:
        ConfigError: another setting.
    """
    if setting is False:
        return 0
    if setting not in FREEZE_BN:
        raise ConfigError(f"freeze_bn '{setting}' is unknown; one of {', '.join(map(str, (False, *FREEZE_BN)))}.")
    backbone_alone, affine = FREEZE_BN[setting]
    return freeze_bn(model.backbone if backbone_alone else model, affine=affine)


def freeze_bn(layer: nn.Layer, *, affine: bool = True) -> int:
    """Freeze every batch normalisation below ``layer``, however deep.

    Running statistics are used in train mode too and no longer move; with
    ``affine`` the scales and shifts stop training as well.

    Returns:
        The number of layers frozen.
    """
    count = 0
    for sub in layer.sublayers(include_self=True):
        if isinstance(sub, nn.layer.norm._BatchNormBase):
            sub._use_global_stats = True
            if affine:
                for parameter in (sub.weight, sub.bias):
                    if parameter is not None:
                        parameter.stop_gradient = True
            count += 1
    return count
