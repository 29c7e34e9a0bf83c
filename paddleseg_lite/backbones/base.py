"""What a backbone promises to the networks built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from paddle import Tensor, nn

AfterStage = Callable[[int, Tensor], Tensor]


class FeatureMaps(list):
    """Feature maps, one for each stage, and what a network knows beside them.

    Attributes:
        places: where each stage pooled its maxima from, ``None`` where it did not; empty for
            backbones that do not remember (all but :class:`~.indexed.IndexedBackbone`).
        extras: side outputs of a context unit, under their names among the network's outputs.
    """

    def __init__(self, maps: Iterable[Tensor], *, places: Sequence = (), extras: Mapping[str, Tensor] | None = None):
        super().__init__(maps)
        self.places, self.extras = list(places), dict(extras or {})

    @classmethod
    def of(cls, maps: Iterable[Tensor]) -> FeatureMaps:
        """Plain lists, of backbones and networks that write their own ``forward`` or ``encode``, as feature maps."""
        return maps if isinstance(maps, cls) else cls(maps)


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

    def forward(self, x: Tensor, after_stage: AfterStage | None = None) -> FeatureMaps:
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
        return FeatureMaps(features)
