"""The contract of a context unit, and what units with nodes share.

A context unit maps a feature map to a feature map: ``forward(x [N, C, H, W]) ->
(y [N, C', H, W], extras)``. A unit *with nodes* does it in two steps, so that a
control can put itself between them:

    P = assign(x)          pixel-to-node map [N, V, H, W]
    y, extras = reason(x, P)   pool to nodes, pass messages, spread back
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import paddle
from paddle import Tensor, nn

from ..errors import ConfigError


@dataclass(frozen=True)
class Explanation:
    """What a unit with nodes does with one batch.

    Attributes:
        assignment: ``[N, V, H, W]``, not negative, summing to 1 over the nodes of
            each graph: to which node a pixel belongs.
        nodes: ``[N, V, D]``, what each node has gathered, before reasoning.
        adjacency: ``[N, V, V]`` or ``[V, V]``; row i: the weights with which node i
            takes in node j.
        groups: sizes of the graphs that stand side by side; they sum to V.
        projection: ``[N, V, H, W]``, the signed map behind ``assignment`` where the
            unit has one (GloRe, GINet): there a node may also subtract a pixel.
    """

    assignment: Tensor
    nodes: Tensor
    adjacency: Tensor
    groups: tuple[int, ...]
    projection: Tensor | None = None


class ContextUnit(nn.Layer):
    """Base of all units; ``forward(x [N, C, H, W]) -> (y [N, out_channels, H, W], extras dict)``.

    Attributes:
        in_channels, out_channels: C and C'; equal unless a unit says otherwise.
        starts_as_identity: whether ``y`` equals ``x`` before training. The slot wraps a unit that
            stands inside a backbone in a factor that starts at 0 unless the unit says so: with two
            zeros in a row neither would ever get a gradient.
        sees_whole_map: whether a value of ``y`` depends on every pixel of ``x``, as is the rule here;
            ``summary`` then says that the network sees the whole picture.
    """

    starts_as_identity = False
    sees_whole_map = True

    def side_losses(self) -> dict[str, dict[str, Any]]:
        """The usual loss of each of ``extras`` that is trained, for recipes that name none."""
        return {}

    def __init__(self, in_channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels or in_channels

    def explain(self, x: Tensor) -> Explanation:
        """Assignment, node features and adjacency for a feature map ``[N, C, H, W]``.

        Raises:
            ConfigError: the unit has no nodes.
        """
        raise ConfigError(
            f"context unit {type(self).__name__} has no nodes to explain: use GCU, GloRe or GINet, "
            "or IdentityGraph / ShuffledAssignment."
        )

    def macs(self, height: int, width: int) -> int:
        """Multiply-adds of the matrix products between tensors at one H x W map.

        Layers with weights (Conv1D, Conv2D, Linear) are not in it: a counter
        sees those by itself.
        """
        return 0


class NodeUnit(ContextUnit):
    """A unit that pools pixels into V nodes and spreads the nodes back over the pixels."""

    num_nodes: int  # V, over all graphs of the unit

    def assign(self, x: Tensor) -> Tensor:
        """Pixel-to-node map ``[N, V, H, W]``."""
        raise NotImplementedError

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Output and extras for ``x`` under a given pixel-to-node map."""
        raise NotImplementedError

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        """:meth:`explain` under a given pixel-to-node map."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.reason(x, self.assign(x))

    def explain(self, x: Tensor) -> Explanation:
        with paddle.no_grad():
            return self.explain_with(x, self.assign(x))


def as_assignment(projection: Tensor) -> Tensor:
    """Shares ``|P_k| / sum_k |P_k|`` of a signed map ``[N, V, H, W]``: a distribution over the nodes."""
    weight = projection.abs()
    return weight / weight.sum(1, keepdim=True).clip(min=1e-12)


def pixels(x: Tensor) -> Tensor:
    """``[N, C, H, W] -> [N, C, L]`` with L = H W."""
    return x.flatten(2)


def spatial(x: Tensor) -> tuple[Any, Any]:
    """H and W of ``x``: numbers, or scalar tensors where a static graph leaves them open."""
    if _known(x.shape[2]) and _known(x.shape[3]):
        return x.shape[2], x.shape[3]
    shape = paddle.shape(x)
    return shape[2], shape[3]


def _known(length: object) -> bool:
    return isinstance(length, int) and length >= 0  # open: -1, or a symbol while a layer is being translated


def to_map(y: Tensor, like: Tensor) -> Tensor:
    """``[N, C', L] -> [N, C', H, W]`` with the H, W of ``like``."""
    height, width = spatial(like)
    return y.reshape([0, 0, height, width])


def mean_product(a: Tensor, b: Tensor) -> Tensor:
    """``a b^T / L`` for ``a [N, A, L]``, ``b [N, B, L]``: ``[N, A, B]``, the same for an image and its tiling."""
    product = paddle.matmul(a, b, transpose_y=True)
    if _known(a.shape[2]):
        return product / a.shape[2]
    return product / paddle.shape(a)[2].astype(product.dtype)


def count_parameters(layer: nn.Layer) -> int:
    """Trainable numbers of a layer (Paddle lists BN statistics among the parameters; those do not count)."""
    return sum(int(p.size) for p in layer.parameters() if not p.stop_gradient)
