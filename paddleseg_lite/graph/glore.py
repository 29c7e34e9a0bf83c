"""GloRe: Graph-Based Global Reasoning Networks (Chen et al., CVPR 2019, arXiv:1811.12814).

With X [C, L] the pixels of a feature map (L = H W):

    B = phi X                     projection map,    1x1 C -> V
    v = (theta X) B^T / L         node states        [S, V]
    y = W_s ReLU(v (I - A))       reasoning with a learned adjacency A
    out = X + BN(extend(y B))     the same map B spreads the nodes back; extend: 1x1 S -> C

Deviations from the official code (facebookresearch/GloRe): division by L, since
image sizes vary here (``normalize=False`` turns it off), and the last BN starts
at zero as its comment asks for, so that the unit starts as the identity.
At the start, therefore, only that BN receives gradient; the rest follows from
the second step on.
"""

from __future__ import annotations

import paddle
from paddle import Tensor, nn

from ..layers import BatchNorm, add
from ..registry import CONTEXTS
from .base import Explanation, NodeUnit, as_assignment, mean_product, pixels, to_map
from .gcn import LearnedGCN, check_steps


@CONTEXTS.register(small={"num_state": 6, "num_nodes": 5})
class GloRe(NodeUnit):
    """Global reasoning unit, ``[N, C, H, W] -> [N, C, H, W]``.

    Layer names and weight shapes are those of the official code.

    Args:
        in_channels: C.
        num_state: S; official backbones take C / 2, segmentation 128.
        num_nodes: V; official backbones take C / 4, segmentation 64.
        normalize: divide by L.
        zero_init: start as the identity.
        order: of the graph convolution, ``"official"`` or ``"paddleseg"``.
        messages: without them no node hears of another (the control IdentityGraph).
        steps: graph convolutions in a row, each with weights of its own; the paper has one.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_state: int = 128,
        num_nodes: int = 64,
        normalize: bool = True,
        zero_init: bool = True,
        order: str = "official",
        messages: bool = True,
        steps: int = 1,
    ) -> None:
        super().__init__(in_channels)
        self.num_state, self.num_nodes, self.normalize = num_state, num_nodes, normalize
        self.starts_as_identity = zero_init
        self.conv_state = nn.Conv2D(in_channels, num_state, 1)  # theta
        self.conv_proj = nn.Conv2D(in_channels, num_nodes, 1)  # phi
        self.gcn = LearnedGCN(num_state, num_nodes, order=order, messages=messages)
        further = range(1, check_steps("GloRe", steps))
        self.further = nn.LayerList([LearnedGCN(num_state, num_nodes, order=order, messages=messages) for _ in further])
        self.conv_extend = nn.Conv2D(num_state, in_channels, 1, bias_attr=False)
        gamma = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0 if zero_init else 1.0))
        self.blocker = BatchNorm(in_channels, epsilon=1e-4, weight_attr=gamma)

    def assign(self, x: Tensor) -> Tensor:
        return self.conv_proj(x)  # B, signed: a linear map, not a distribution

    def gather(self, x: Tensor, assignment: Tensor) -> Tensor:
        """Node states v ``[N, S, V]``."""
        state, projection = pixels(self.conv_state(x)), pixels(assignment)
        if self.normalize:
            return mean_product(state, projection)
        return paddle.matmul(state, projection, transpose_y=True)

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        nodes = self.gcn(self.gather(x, assignment))  # [N, S, V]
        for gcn in self.further:
            nodes = gcn(nodes)
        spread = to_map(paddle.matmul(nodes, pixels(assignment)), x)  # [N, S, H, W]
        return add(x, self.blocker(self.conv_extend(spread))), {}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        nodes = self.gather(x, assignment).transpose([0, 2, 1])
        return Explanation(
            as_assignment(assignment), nodes, self.gcn.adjacency(), (self.num_nodes,), projection=assignment
        )

    def macs(self, height: int, width: int) -> int:
        return 2 * self.num_state * self.num_nodes * height * width
