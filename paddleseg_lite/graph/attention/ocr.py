"""OCR: Object-Contextual Representations for Semantic Segmentation (Yuan et al., ECCV 2020, arXiv:1909.11065).

With X [C, L] the pixels of a feature map and K classes:

    m_k = softmax over pixels of a coarse class map   soft object regions   [K, L]
    f_k = sum_i m_ki x_i                               object regions        [C, K]
    w_ik = softmax_k(phi(x_i) . psi(f_k) / sqrt(D))    pixel-region relation
    y_i = rho(sum_k w_ik delta(f_k))                   object context        [C, L]
    out = g([y, x])

phi, psi: two 1x1 ConvBNReLU, C -> D; delta: one; rho: D -> C; g: 2C -> C and dropout.
The coarse map is learned with the labels: the unit gives it as the extra output
``regions`` (``loss: {context_regions: {type: CrossEntropyLoss, coef: 0.4}}``).

Deviation from the paper's network: there the coarse map is read off an earlier
stage of the backbone, here off the unit's own input.
"""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...layers import ConvBNAct
from ...registry import CONTEXTS
from ..base import Explanation, NodeUnit, pixels, to_map
from .attend import attend


@CONTEXTS.register
class OCR(NodeUnit):
    """Object context, ``[N, C, H, W] -> [N, C, H, W]`` and ``regions [N, K, H, W]``, one node a class.

    Args:
        in_channels: C.
        num_classes: K.
        key_channels: D; half of C unless told.
        dropout: share of channels dropped behind the fusion.
    """

    def __init__(
        self, *, in_channels: int, num_classes: int, key_channels: int | None = None, dropout: float = 0.1
    ) -> None:
        super().__init__(in_channels)
        c, d = in_channels, key_channels or max(in_channels // 2, 1)
        self.num_nodes, self.key_channels = num_classes, d
        self.regions = nn.Sequential(ConvBNAct(c, c, 1, bias=True), nn.Conv2D(c, num_classes, 1))
        self.pixel = nn.Sequential(ConvBNAct(c, d, 1, bias=True), ConvBNAct(d, d, 1, bias=True))  # phi
        self.object = nn.Sequential(ConvBNAct(c, d, 1, bias=True), ConvBNAct(d, d, 1, bias=True))  # psi
        self.down = ConvBNAct(c, d, 1, bias=True)  # delta
        self.up = ConvBNAct(d, c, 1, bias=True)  # rho
        self.fuse = ConvBNAct(2 * c, c, 1, bias=True)  # g
        self.dropout = nn.Dropout2D(dropout)

    def assign(self, x: Tensor) -> Tensor:
        return self.regions(x)  # logits: a distribution over pixels for each class

    def gather(self, x: Tensor, regions: Tensor) -> Tensor:
        """Object regions ``[N, C, K, 1]``."""
        share = F.softmax(pixels(regions), axis=-1)  # [N, K, L]
        return paddle.matmul(pixels(x), share, transpose_y=True).unsqueeze(-1)

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Any]]:
        objects = self.gather(x, assignment)
        query, key, value = pixels(self.pixel(x)), pixels(self.object(objects)), pixels(self.down(objects))
        context = self.up(to_map(attend(query, key, value, scale=self.key_channels**-0.5), x))
        y = self.dropout(self.fuse(paddle.concat([context, x], axis=1)))
        return y, {"regions": assignment}

    def side_losses(self) -> dict[str, dict[str, Any]]:
        return {"regions": {"type": "CrossEntropyLoss", "coef": 0.4}}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        nodes = self.gather(x, assignment).squeeze(-1).transpose([0, 2, 1])
        no_messages = paddle.eye(self.num_nodes)  # classes do not hear of each other
        return Explanation(F.softmax(assignment, axis=1), nodes, no_messages, (self.num_nodes,))

    def macs(self, height: int, width: int) -> int:
        return (self.in_channels + 2 * self.key_channels) * self.num_nodes * height * width
