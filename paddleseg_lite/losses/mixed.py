"""Several losses on one output: ``{type: MixedLoss, losses: [...], coef: [0.8, 0.2]}``.

The name and its arguments are PaddleSeg's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paddle import Tensor, nn

from ..errors import ConfigError
from ..registry import LOSSES
from .base import Loss


@LOSSES.register(small={"losses": ["CrossEntropyLoss", "DiceLoss"], "coef": [0.8, 0.2]})
class MixedLoss(Loss):
    """``sum_i coef_i * loss_i(logits, label)``.

    Args:
        losses: losses, or how they are written in YAML.
        coef: one factor each; 1 where not given.
        num_classes, ignore_index, weight: passed to the losses that take them and do not set them.
    """

    takes_pixel_weight = True

    def __init__(
        self,
        *,
        losses: Sequence[Loss | Mapping[str, Any] | str],
        coef: Sequence[float] | None = None,
        num_classes: int | None = None,
        ignore_index: int = 255,
        weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__(ignore_index=ignore_index)
        factors = [1.0] * len(losses) if coef is None else [float(c) for c in coef]
        if len(losses) != len(factors) or not losses:
            raise ConfigError(
                f"MixedLoss has {len(losses)} losses and {len(factors)} coef; give one coef for each loss."
            )
        offered: dict[str, Any] = {"ignore_index": ignore_index}
        if num_classes is not None:
            offered["num_classes"] = num_classes
        if weight is not None:
            offered["weight"] = weight
        self.losses = nn.LayerList(
            [loss if isinstance(loss, nn.Layer) else LOSSES.build(loss, offered=offered) for loss in losses]
        )
        self.coef = factors
        self.output_ndim = self.losses[0].output_ndim

    def forward(self, logits: Tensor, label: Tensor, pixel_weight: Tensor | None = None) -> Tensor:
        first, *others = (
            coef * (loss(logits, label, pixel_weight) if loss.takes_pixel_weight else loss(logits, label))
            for loss, coef in zip(self.losses, self.coef)
        )
        return sum(others, start=first)
