"""DGCNet: Dual Graph Convolutional Network for Semantic Segmentation (Zhang et al., BMVC 2019, arXiv:1909.06121).

Two graphs over the same map X, one of places and one of features:

    places    X_d = X at an eighth of the side (three depthwise 3x3 convolutions, stride 2)
              M = ReLU(X_d + W_o (BN W_g (K softmax_j(Q V^T)))),    S = X * up(M) + X
    features  Z = phi(X) theta(X)^T                                 [2C/r, C/r], nodes are the C/r columns
              Z = BN W_w (Z + BN A Z),   F = ReLU(X + BN W_e (Z theta(X)))
    out = BN W [S, F]

A is learned (a 1x1 convolution over the nodes), K, Q, V: 1x1 C -> C/2, r = 4.
Written after the authors' code; there the map is enlarged with aligned corners.
"""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..layers import ConvBNAct, resize
from ..registry import CONTEXTS
from .base import Explanation, NodeUnit, as_assignment, pixels, to_map


class ConvBN1D(nn.Layer):
    """``BN(W x)`` over the first of two axes, ``[N, C, L] -> [N, C, L]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1D(channels, channels, 1, bias_attr=False)
        self.norm = nn.BatchNorm1D(channels, data_format="NCL")

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class PlaceGraph(nn.Layer):
    """Graph over the pixels of a small map, in linear time; ``[N, C, h, w] -> [N, C, h, w]``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.key = nn.Conv2D(channels, inner, 1)
        self.query = nn.Conv2D(channels, inner, 1)
        self.value = nn.Conv2D(channels, inner, 1)
        self.update = ConvBN1D(inner)
        self.extend = ConvBNAct(inner, channels, 1, bias=True, act=None)

    def forward(self, x: Tensor) -> Tensor:
        key, query, value = (pixels(part(x)) for part in (self.key, self.query, self.value))
        mixing = F.softmax(paddle.matmul(query, value, transpose_y=True), axis=2)  # [N, C/2, C/2]
        states = paddle.matmul(mixing, key, transpose_x=True)  # [N, C/2, L]
        return F.relu(x + self.extend(to_map(self.update(states), x)))


@CONTEXTS.register
class DGCNet(NodeUnit):
    """Dual graph convolution, ``[N, C, H, W] -> [N, C, H, W]``; the nodes are those of the feature graph.

    Args:
        in_channels: C.
        ratio: r; C / r nodes of 2 C / r numbers.
    """

    def __init__(self, *, in_channels: int, ratio: int = 4) -> None:
        super().__init__(in_channels)
        c = in_channels
        self.num_nodes, self.state = max(c // ratio, 1), 2 * max(c // ratio, 1)
        self.phi = ConvBNAct(c, self.state, 1, act=None)
        self.theta = ConvBNAct(c, self.num_nodes, 1, act=None)
        self.adjacency = ConvBN1D(self.num_nodes)  # A
        self.update = ConvBN1D(self.state)  # W_w
        self.extend = ConvBNAct(self.state, c, 1, act=None)  # W_e
        self.shrink = nn.Sequential(*(ConvBNAct(c, c, 3, stride=2, groups=c, act=None) for _ in range(3)))
        self.places = PlaceGraph(c)
        self.final = ConvBNAct(2 * c, c, 1, act=None)

    def assign(self, x: Tensor) -> Tensor:
        return self.theta(x)  # signed: a linear map, not a distribution

    def gather(self, x: Tensor, assignment: Tensor) -> Tensor:
        """Node states Z ``[N, S, V]``."""
        return paddle.matmul(pixels(self.phi(x)), pixels(assignment), transpose_y=True)

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Any]]:
        mask = resize(self.places(self.shrink(x)), x.shape[2:], align_corners=True)
        nodes = self.gather(x, assignment)
        heard = self.adjacency(nodes.transpose([0, 2, 1])).transpose([0, 2, 1])
        nodes = self.update(nodes + heard)
        features = F.relu(x + self.extend(to_map(paddle.matmul(nodes, pixels(assignment)), x)))
        return self.final(paddle.concat([x * mask + x, features], axis=1)), {}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        nodes = self.gather(x, assignment).transpose([0, 2, 1])
        weights = self.adjacency.conv.weight.squeeze(-1)
        return Explanation(as_assignment(assignment), nodes, weights, (self.num_nodes,), projection=assignment)

    def macs(self, height: int, width: int) -> int:
        inner, small = max(self.in_channels // 2, 1), -(-height // 8) * -(-width // 8)
        return 2 * self.state * self.num_nodes * height * width + 2 * inner**2 * small
