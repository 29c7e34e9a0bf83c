"""What a backbone promises to the networks built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from paddle import Tensor, nn

from ..layers import marked, run

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
        many_blocks: whether a stage is a row of blocks, each with several convolutions: the grain of ``recompute``.
    """

    out_channels: list[int]
    strides: list[int]
    stages: nn.LayerList
    many_blocks = False

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
            x = self.run_stage(stage, x)
            if after_stage is not None:
                x = after_stage(index, x)
            features.append(x)
        return FeatureMaps(features)

    def run_stage(self, stage: nn.Layer, x: Tensor) -> Any:
        """A stage's output; with ``recompute``, its blocks keep only what enters them."""
        blocks = self._blocks(stage)
        if not marked(blocks[0]):
            return stage(x)
        for block in blocks:
            x = run(block, x)
        return x

    def _blocks(self, stage: nn.Layer) -> list[nn.Layer]:
        return list(stage.children()) if self.many_blocks else [stage]

    def blocks_to_recompute(self) -> list[nn.Layer]:
        return [block for stage in self.stages for block in self._blocks(stage)]
