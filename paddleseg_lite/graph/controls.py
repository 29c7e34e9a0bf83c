"""Controls: what remains of a gain when one property of a graph unit is taken away.

    MatchedConv         its parameters, but no context at all
    GlobalPool          its parameters and global context, but one average for all pixels
    IdentityGraph       its projection and re-projection, but no message between nodes
    ShuffledAssignment  all of it, but pixels are assigned by the map of another image

Each takes ``match``, the unit it is the control of, as written in YAML. Source: none; they are this project's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from paddle import Tensor, nn

from ..errors import ConfigError
from ..layers import BatchNorm, ConvBNAct, add, relu, resize, spatial_mean
from ..registry import CONTEXTS
from .base import ContextUnit, Explanation, NodeUnit
from .matching import Match, build_matched, matched_target, matched_widths


@CONTEXTS.register(small={"match": {"type": "GINet", "num_state": 6, "num_nodes": 5}})
class MatchedConv(ContextUnit):
    """Residual stack of three convolutions, C -> h1 -> h2 -> C, with the parameters of ``match`` (+-1 %).

    Sees one pixel (``kernel_size=1``, default), hence no context; the identity at first.

    Args:
        in_channels: C.
        match: the unit whose parameters it gets, as written in YAML.
        num_classes: K, for a unit that needs it (GINet).
        kernel_size: 3 adds a little locality, for a control with some reach.
    """

    starts_as_identity = True
    sees_whole_map = False

    def __init__(
        self, *, in_channels: int, match: Match = "GloRe", num_classes: int | None = None, kernel_size: int = 1
    ) -> None:
        super().__init__(in_channels)
        c, area = in_channels, kernel_size**2
        self.target = matched_target(match, c, num_classes)
        h1, h2 = matched_widths(self.target, c, lambda a, b: area * a * b + c * (a + b) + 2 * (a + b + c))
        self.layers = nn.Sequential(ConvBNAct(c, h1, 1), ConvBNAct(h1, h2, kernel_size))
        self.extend = nn.Conv2D(h2, c, 1, bias_attr=False)
        self.norm = BatchNorm(c, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0.0)))

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return add(x, self.norm(self.extend(self.layers(x)))), {}


@CONTEXTS.register(small={"match": {"type": "GloRe", "num_state": 6, "num_nodes": 5}})
class GlobalPool(ContextUnit):
    """``x + MLP(mean of x over all pixels)``, C -> h1 -> h2 -> C, with the parameters of ``match`` (+-1 %).

    The last layer starts at zero: the identity at first. No BN, which would see
    one value per image.

    Args:
        in_channels: C.
        match: the unit whose parameters it gets, as written in YAML.
        num_classes: K, for a unit that needs it (GINet).
    """

    starts_as_identity = True

    def __init__(self, *, in_channels: int, match: Match = "GloRe", num_classes: int | None = None) -> None:
        super().__init__(in_channels)
        c = in_channels
        self.target = matched_target(match, c, num_classes)
        h1, h2 = matched_widths(self.target, c, lambda a, b: c * a + a + a * b + b + b * c + c)
        zero = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0))
        self.first, self.second = nn.Conv2D(c, h1, 1), nn.Conv2D(h1, h2, 1)
        self.extend = nn.Conv2D(h2, c, 1, weight_attr=zero)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        pooled = spatial_mean(x)  # [N, C, 1, 1]
        return add(x, self.extend(relu(self.second(relu(self.first(pooled)))))), {}


class _NodeControl(NodeUnit):
    """A control around a unit with nodes."""

    def __init__(self, in_channels: int, unit: ContextUnit) -> None:
        super().__init__(in_channels, unit.out_channels)
        if not isinstance(unit, NodeUnit):
            raise ConfigError(f"{type(self).__name__}: 'match' must be a unit with nodes, not {type(unit).__name__}.")
        self.unit, self.num_nodes = unit, unit.num_nodes
        self.starts_as_identity = unit.starts_as_identity

    @property
    def init(self) -> str | None:
        return getattr(self.unit, "init", None)

    def init_from_features(self, features: np.ndarray, iters: int = 10, seed: int = 0) -> None:
        """As the unit's own (GCU)."""
        self.unit.init_from_features(features, iters, seed)

    def assign(self, x: Tensor) -> Tensor:
        return self.unit.assign(x)

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.unit.reason(x, assignment)

    def side_losses(self) -> dict[str, dict[str, Any]]:
        return self.unit.side_losses()

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        return self.unit.explain_with(x, assignment)

    def macs(self, height: int, width: int) -> int:
        return self.unit.macs(height, width)


@CONTEXTS.register(small={"match": {"type": "GloRe", "num_state": 6, "num_nodes": 5}})
class IdentityGraph(_NodeControl):
    """``match`` (GloRe or GCU) with the identity as adjacency: projection, state update, re-projection.

    Args:
        in_channels: C.
        match: the unit to take the messages from.
        num_classes: K, for a unit that needs it.
    """

    def __init__(self, *, in_channels: int, match: Match = "GloRe", num_classes: int | None = None) -> None:
        name = match if isinstance(match, str) else str(match.get("type"))
        if not CONTEXTS.accepts(name, "messages"):
            raise ConfigError(f"IdentityGraph: 'match' must be GloRe or GCU, not {name}.")
        super().__init__(in_channels, build_matched(match, in_channels, num_classes, messages=False))


@CONTEXTS.register(small={"match": {"type": "GloRe", "num_state": 6, "num_nodes": 5}, "grid": 8})
class ShuffledAssignment(_NodeControl):
    """``match`` with the pixel-to-node map of another image.

    Train mode: each image gets the map of its predecessor in the batch (one
    image: the map kept from the step before). Eval mode: every image gets one
    map, that of the last training batch's first image, kept in the checkpoint
    and resized; so a prediction depends neither on the batch nor on the order.

    Args:
        in_channels: C.
        match: the unit to disturb.
        num_classes: K, for a unit that needs it (GINet).
        grid: side of the kept map.
    """

    def __init__(
        self, *, in_channels: int, match: Match = "GloRe", num_classes: int | None = None, grid: int = 32
    ) -> None:
        super().__init__(in_channels, build_matched(match, in_channels, num_classes))
        self.grid = grid
        sizes = getattr(self.unit, "sizes", (self.num_nodes,))  # before training: every node of a graph alike
        uniform = paddle.concat([paddle.full([1, v, grid, grid], 1.0 / v) for v in sizes], axis=1)
        self.register_buffer("kept", uniform)

    def assign(self, x: Tensor) -> Tensor:
        if not self.training:
            return self._kept_map(x)
        own = self.unit.assign(x)
        shuffled = own.roll(1, axis=0) if x.shape[0] > 1 else self._kept_map(x).astype(own.dtype)
        self.kept.set_value(resize(own[:1].detach().astype(self.kept.dtype), (self.grid, self.grid)))
        return shuffled

    def _kept_map(self, x: Tensor) -> Tensor:
        kept = resize(self.kept, x.shape[2:]).astype(x.dtype)  # autocast
        return kept + paddle.zeros_like(x[:, :1])  # [1, V, H, W] -> [N, V, H, W], whatever N is
