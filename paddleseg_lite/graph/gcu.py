"""GCU: Beyond Grids, Learning Graph Representations for Visual Recognition (Li & Gupta, NeurIPS 2018).

Pixels x_i in R^C; node k has an anchor w_k and a spread sigma_k = sigmoid(s_k), both in R^C:

    q_ik = softmax_k( -1/2 || (x_i - w_k) / sigma_k ||^2 )              projection
    z'_k = sum_i q_ik (x_i - w_k) / sigma_k / sum_i q_ik,  z_k = z'_k / ||z'_k||
    A    = Z Z^T                                                        cosine of nodes
    Z~   = ReLU(BN(A Z W))                                              graph convolution
    x~_i = sum_k q_ik z~_k                                              re-projection

Several graphs (2, 4, 8 and 32 nodes in the public re-implementation) stand side
by side; their maps are concatenated with X and fused by 1x1, BN, ReLU.

Not settled by what we could read of the paper: A as it is (``adj_norm="none"``)
or its row-softmax (``"softmax"``, the default, stable for any V). No
N x V x C x L tensor is ever built: the squares are expanded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..layers import BatchNorm, ConvBNAct, add, concat
from ..registry import CONTEXTS
from .base import Explanation, NodeUnit, mean_product, pixels, to_map
from .gcn import GCNLayer, check_steps
from .kmeans import kmeans

EPS_MASS, EPS_NORM = 1e-6, 1e-4  # a node that holds (almost) no pixel fades to zero instead of dividing by it
FEATURE_STD = 0.58  # of ReLU(N(0, 1)): the features after BN and ReLU


class GCUGraph(nn.Layer):
    """One graph of V nodes over C channels."""

    def __init__(
        self, channels: int, num_nodes: int, *, adj_norm: str = "softmax", messages: bool = True, steps: int = 1
    ) -> None:
        super().__init__()
        if adj_norm not in ("softmax", "none"):
            raise ValueError(f"adj_norm must be 'softmax' or 'none', got {adj_norm!r}.")
        self.num_nodes, self.adj_norm, self.messages = num_nodes, adj_norm, messages
        init = nn.initializer.Normal(0.0, FEATURE_STD)
        self.anchors = self.create_parameter([num_nodes, channels], default_initializer=init)  # w
        self.raw_sigma = self.create_parameter([num_nodes, channels], default_initializer=nn.initializer.Constant(0.0))
        self.gcn = GCNLayer(channels, channels)
        # Scale 1 and shift 0, fixed: converters to other runtimes expect the two tensors.
        fixed = [paddle.ParamAttr(initializer=nn.initializer.Constant(v), trainable=False) for v in (1.0, 0.0)]
        self.norm = BatchNorm(channels, weight_attr=fixed[0], bias_attr=fixed[1])
        self.further = nn.LayerList([GCNLayer(channels, channels) for _ in range(1, check_steps("GCU", steps))])

    def assign(self, x: Tensor) -> Tensor:
        """q ``[N, V, L]`` of pixels ``[N, C, L]``; sums to 1 over V."""
        inverse = 1.0 / F.sigmoid(self.raw_sigma) ** 2  # 1 / sigma^2
        distance = paddle.matmul(inverse, x * x) - 2.0 * paddle.matmul(self.anchors * inverse, x)
        distance = distance + (self.anchors**2 * inverse).sum(1).unsqueeze(-1)
        return F.softmax(-0.5 * distance, axis=1)

    def gather(self, x: Tensor, q: Tensor) -> Tensor:
        """Node features Z ``[N, V, C]``, rows of length 1."""
        mass = q.mean(2).unsqueeze(-1)  # [N, V, 1]; means instead of sums: the same for an image and its tiling
        residual = (mean_product(q, x) - mass * self.anchors) / F.sigmoid(self.raw_sigma)
        z = residual / mass.clip(min=EPS_MASS)
        return z / ((z * z).sum(-1, keepdim=True) + EPS_NORM**2).sqrt()

    def reason(self, z: Tensor) -> Tensor:
        """Z~ ``[N, V, C]``."""
        adjacency = paddle.matmul(z, z, transpose_y=True)
        a = F.softmax(adjacency, axis=-1) if self.adj_norm == "softmax" else adjacency
        for i, gcn in enumerate([self.gcn, *self.further]):
            z = F.relu(z) if i else z
            z = gcn(z, a, normalize=None, add_self=False) if self.messages else gcn.linear(z)
        z = self.norm(z.transpose([0, 2, 1]).unsqueeze(-1))  # [N, C, V, 1]
        return F.relu(z).squeeze(-1).transpose([0, 2, 1])

    def init_from_features(self, features: np.ndarray, iters: int = 10, seed: int = 0) -> None:
        """Anchors at the k-means centres of ``features [M, C]``, spreads from those inside the clusters.

        All nodes start with the same: with its own, the widest node takes nearly every pixel.
        """
        centres, std = kmeans(features, self.num_nodes, iters=iters, seed=seed)
        self.anchors.set_value(paddle.to_tensor(centres).astype(self.anchors.dtype))
        sigma = np.clip(std / max(float(std.max()), 1e-12), 0.05, 0.95)
        raw = np.log(sigma / (1.0 - sigma))
        self.raw_sigma.set_value(paddle.to_tensor(np.tile(raw, [self.num_nodes, 1])).astype(self.raw_sigma.dtype))


@CONTEXTS.register(small={"num_nodes": [2, 4]})
class GCU(NodeUnit):
    """Graph convolutional unit(s), ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C; of features after BN and ReLU, so that sigma in (0, 1) is on their scale.
        num_nodes: V, or one V per graph.
        adj_norm: ``"softmax"`` or ``"none"``.
        fusion: ``"concat"`` [X, X~...] -> 1x1 C, BN, ReLU; ``"residual"`` X + BN(1x1 [X~...]), the identity at first.
        init: ``"random"``, or ``"kmeans"``: :func:`~.initialise.initialise_contexts` fills it before training.
        messages: without them A = I (the control IdentityGraph).
        steps: graph convolutions in a row over the same A, each with weights of its own; the paper has one.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_nodes: int | Sequence[int] = (2, 4, 8, 32),
        adj_norm: str = "softmax",
        fusion: str = "concat",
        init: str = "random",
        messages: bool = True,
        steps: int = 1,
    ) -> None:
        super().__init__(in_channels)
        if fusion not in ("concat", "residual") or init not in ("random", "kmeans"):
            raise ValueError(f"fusion is 'concat' or 'residual', init 'random' or 'kmeans'; got {fusion!r}, {init!r}.")
        sizes = (num_nodes,) if isinstance(num_nodes, int) else tuple(num_nodes)
        self.sizes, self.num_nodes, self.fusion, self.init = sizes, sum(sizes), fusion, init
        self.graphs = nn.LayerList(
            [GCUGraph(in_channels, v, adj_norm=adj_norm, messages=messages, steps=steps) for v in sizes]
        )
        joined = in_channels * (len(sizes) + (fusion == "concat"))
        self.starts_as_identity = fusion == "residual"
        if fusion == "concat":
            self.fuse: nn.Layer = ConvBNAct(joined, in_channels, 1)
        else:
            self.fuse = nn.Conv2D(joined, in_channels, 1, bias_attr=False)
            self.norm = BatchNorm(in_channels, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0.0)))

    def assign(self, x: Tensor) -> Tensor:
        flat = pixels(x)
        return to_map(paddle.concat([graph.assign(flat) for graph in self.graphs], axis=1), x)

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        flat, parts = pixels(x), pixels(assignment).split(list(self.sizes), axis=1)
        maps = []
        for graph, q in zip(self.graphs, parts):
            nodes = graph.reason(graph.gather(flat, q))
            maps.append(to_map(paddle.matmul(nodes, q, transpose_x=True), x))  # [N, C, H, W]
        if self.fusion == "concat":
            return self.fuse(concat([x, *maps])), {}
        return add(x, self.norm(self.fuse(concat(maps)))), {}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        flat, parts = pixels(x), pixels(assignment).split(list(self.sizes), axis=1)
        nodes = paddle.concat([g.gather(flat, q) for g, q in zip(self.graphs, parts)], axis=1)
        blocks = np.equal.outer(*[np.repeat(np.arange(len(self.sizes)), self.sizes)] * 2)  # graphs do not touch
        adjacency = paddle.matmul(nodes, nodes, transpose_y=True) * paddle.to_tensor(blocks.astype("float32"))
        return Explanation(assignment, nodes, adjacency, self.sizes)

    def init_from_features(self, features: np.ndarray, iters: int = 10, seed: int = 0) -> None:
        """k-means initialisation from features ``[M, C]`` or ``[N, C, H, W]`` such as this unit receives."""
        array = np.asarray(features, dtype="float32")
        if array.ndim == 4:
            array = array.transpose(0, 2, 3, 1).reshape(-1, array.shape[1])
        if array.ndim != 2 or array.shape[1] != self.in_channels:
            raise ValueError(f"expected features [M, {self.in_channels}], got {list(array.shape)}.")
        for index, graph in enumerate(self.graphs):
            graph.init_from_features(array, iters, seed + index)

    def macs(self, height: int, width: int) -> int:
        length, c = height * width, self.in_channels
        return sum(4 * v * c * length + (2 * v * v * c if g.messages else 0) for v, g in zip(self.sizes, self.graphs))
