"""Graph convolutions: with a given adjacency (Kipf & Welling), and with a learned one (GloRe's).

Kipf & Welling, Semi-Supervised Classification with Graph Convolutional
Networks, ICLR 2017, arXiv:1609.02907. The paper's network is two layers, 16
hidden units, dropout 0.5.
"""

from __future__ import annotations

from collections.abc import Callable

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..errors import ConfigError


def normalize_adjacency(adjacency: Tensor, normalize: str | None = "sym", add_self: bool = True) -> Tensor:
    """Message-passing matrix of a graph.

    Args:
        adjacency: ``[V, V]`` or ``[N, V, V]``, not negative; row i holds what node i takes in.
        normalize: ``"sym"`` D^-1/2 A D^-1/2, ``"rw"`` D^-1 A (rows sum to 1), or None.
        add_self: A + I first, so that a node keeps itself.

    Returns:
        A matrix of the same shape; rows of a node without any edge are zero.
    """
    if normalize not in ("sym", "rw", None):
        raise ValueError(f"normalize must be 'sym', 'rw' or None, got {normalize!r}.")
    a = adjacency
    if add_self:
        a = a + paddle.eye(a.shape[-1], dtype=a.dtype)  # A~ = A + I
    if normalize is None:
        return a
    degree = a.sum(-1)  # D~_ii = sum_j A~_ij
    power = -0.5 if normalize == "sym" else -1.0
    safe = paddle.where(degree > 0, degree, paddle.ones_like(degree))
    scale = paddle.where(degree > 0, safe**power, paddle.zeros_like(degree))
    a = scale.unsqueeze(-1) * a
    return a * scale.unsqueeze(-2) if normalize == "sym" else a


def check_steps(unit: str, steps: int) -> int:
    """``steps``, the graph convolutions of a unit in a row.

    Raises:
        ConfigError: not a whole number of 1 or more.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ConfigError(f"{unit}: steps is a whole number of 1 or more, got {steps!r}.")
    return steps


class GCNLayer(nn.Layer):
    """``H' = act(L H W)`` with L = :func:`normalize_adjacency` of A.

    ``forward(h [N, V, in], adjacency [N, V, V] or [V, V]) -> [N, V, out]``.

    Args:
        in_features, out_features: state size of a node before and after.
        bias: add a bias before the activation.
        act: a callable (``F.relu``), or None.
    """

    def __init__(
        self, in_features: int, out_features: int, *, bias: bool = False, act: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        super().__init__()
        glorot = paddle.ParamAttr(initializer=nn.initializer.XavierUniform())
        self.linear = nn.Linear(in_features, out_features, weight_attr=glorot, bias_attr=None if bias else False)
        self.act = act

    def forward(self, h: Tensor, adjacency: Tensor, normalize: str | None = "sym", add_self: bool = True) -> Tensor:
        messages = normalize_adjacency(adjacency, normalize, add_self)
        out = self.linear(paddle.matmul(messages, h))  # (L H) W + b: the bias is not passed between nodes
        return out if self.act is None else self.act(out)


class LearnedGCN(nn.Layer):
    """Graph convolution of GloRe with a learned adjacency A, the same for every image.

    ``forward(v [N, S, V]) -> [N, S, V]``: V nodes with state size S.

        h = v (I + W_n^T) + b      messages between nodes; the paper writes I - A
        y = W_s ReLU(h)            update of each node's state

    Args:
        num_state, num_nodes: S and V.
        order: ``"official"``, or ``"paddleseg"`` for ReLU(W_s h).
        messages: without them W_n is absent and h = v (the control IdentityGraph).
    """

    def __init__(self, num_state: int, num_nodes: int, *, order: str = "official", messages: bool = True) -> None:
        super().__init__()
        if order not in ("official", "paddleseg"):
            raise ValueError(f"order must be 'official' or 'paddleseg', got {order!r}.")
        self.order, self.num_nodes = order, num_nodes
        self.conv1 = nn.Conv1D(num_nodes, num_nodes, 1) if messages else None
        self.conv2 = nn.Conv1D(num_state, num_state, 1, bias_attr=False)

    def forward(self, v: Tensor) -> Tensor:
        h = v
        if self.conv1 is not None:
            h = self.conv1(v.transpose([0, 2, 1])).transpose([0, 2, 1]) + v  # convolve along the nodes
        return self.conv2(F.relu(h)) if self.order == "official" else F.relu(self.conv2(h))

    def adjacency(self) -> Tensor:
        """``[V, V]``, I + W_n: how much of node j node i takes in."""
        eye = paddle.eye(self.num_nodes)
        return eye if self.conv1 is None else eye + self.conv1.weight[:, :, 0]
