"""What a backbone promises to the networks built on it."""

from __future__ import annotations

from collections.abc import Callable

from paddle import Tensor, nn

AfterStage = Callable[[int, Tensor], Tensor]


class Backbone(nn.Layer):
    """A stack of stages. ``forward(x [N, in_channels, H, W])`` returns one feature map per stage.

    A subclass fills ``self.stages`` (layers run one after the other), has a ``self.stem`` where something comes
    before the first stage, and sets

    Attributes:
        out_channels: channels of each stage's output.
        strides: cumulative stride of each stage's output.
    """

    out_channels: list[int]
    strides: list[int]
    stages: nn.LayerList

    def forward(self, x: Tensor, after_stage: AfterStage | None = None) -> list[Tensor]:
        """Run all stages.

        Args:
            x: ``[N, in_channels, H, W]``.
            after_stage: ``f(index, feature) -> feature``, called after each
                stage; later stages see what it returns. The context slot
                enters a network here.
        """
        stem = getattr(self, "stem", None)
        if stem is not None:
            x = stem(x)
        features = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if after_stage is not None:
                x = after_stage(index, x)
            features.append(x)
        return features
