"""GINet: Graph Interaction Network for Scene Parsing (Wu et al., ECCV 2020, arXiv:2009.06160), the unit.

Visual graph of V nodes from pixels X [C, L], semantic graph of K class nodes from word embeddings:

    P = Z (phi X)^T / L,  Z = theta X               [V, D]
    S = MLP(class embeddings)                       [K, D]   (Linear, BN, ReLU) x 2, E -> 128 -> D
    P~ = GCN(P),  S~ = GCN(S)                       GCN(u) = W_s ReLU(W_n u + u)
    E = (W_q S~)(W_k P~)^T                          [K, V]   energy between the graphs
    P_o = P~ + b_s2v * (G_s2v^T S~ W),   G_s2v = softmax of E over the classes       (S2V)
    S_o = b_v2s * S~ + G_v2s P~ W',      G_v2s = softmax of E over the visual nodes  (V2S)
    out = X + BN(extend(Z^T P_o));  presence_m = w . S_o,m + c    (SC-loss: is class m in the image?)

b_s2v, b_v2s start at 0, and the last BN at 0, so the unit starts as the identity.
Without a presence loss the V2S branch and the presence head receive no gradient.

``style="paddleseg"`` rebuilds PaddleSeg's unit with its defects: all class
embeddings zero (every class node is the same, the semantic graph carries no
class information), no presence output (the V2S branch is dead), last BN at 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..errors import ConfigError
from ..layers import BatchNorm, add, pick, relu
from ..registry import CONTEXTS
from .base import Explanation, NodeUnit, as_assignment, mean_product, pixels, to_map
from .embeddings import EMBEDDING_SIZE, check_distinct, gaussian_embeddings, read_glove
from .gcn import LearnedGCN, check_steps


@dataclass(frozen=True)
class Style:
    """What PaddleSeg's unit lacks, and cannot be given."""

    embeddings: bool = True
    presence: bool = True
    zero_init: bool = True


STYLES = {"paper": Style(), "paddleseg": Style(embeddings=False, presence=False, zero_init=False)}


@CONTEXTS.register(small={"num_state": 6, "num_nodes": 5})
class GINet(NodeUnit):
    """Graph interaction unit, ``[N, C, H, W] -> [N, C, H, W]`` with ``extras["presence"] [N, K]``, logits.

    Args:
        in_channels, num_classes: C and K.
        num_state, num_nodes: D and V (256 and 84 in PaddleSeg; not verified for the paper).
        class_embeddings: ``[K, E]``, the path of a GloVe text file (then ``class_names`` are needed),
            or None for fixed-seed Gaussian directions.
        class_names: K names, looked up in the GloVe file.
        learnable: train the embeddings too.
        presence: give presence logits for the SC-loss.
        zero_init: last BN at 0.
        steps: graph convolutions of the visual graph in a row; the paper has one.
        style: ``"paper"`` or ``"paddleseg"``.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        num_state: int = 256,
        num_nodes: int = 84,
        class_embeddings: Any = None,
        class_names: Sequence[str] | None = None,
        learnable: bool = False,
        presence: bool = True,
        zero_init: bool = True,
        steps: int = 1,
        style: str = "paper",
    ) -> None:
        super().__init__(in_channels)
        s = pick(STYLES, style, owner="GINet unit")
        if num_classes < 2:
            raise ConfigError(f"GINet needs at least 2 classes, whose graph it builds; got {num_classes}.")
        presence, zero_init = presence and s.presence, zero_init and s.zero_init
        if s.embeddings:
            class_embeddings = _embeddings(class_embeddings, class_names, num_classes)
        else:
            class_embeddings = np.zeros([num_classes, EMBEDDING_SIZE], "float32")
        self.num_state, self.num_nodes = d, v = num_state, num_nodes
        self.starts_as_identity = zero_init
        self.conv_theta = nn.Conv2D(in_channels, v, 1)
        self.conv_phi = nn.Conv2D(in_channels, d, 1)
        if learnable:
            self.class_embeddings = self.create_parameter(
                class_embeddings.shape, default_initializer=nn.initializer.Assign(class_embeddings)
            )
        else:
            self.register_buffer("class_embeddings", paddle.to_tensor(class_embeddings))
        self.word_fc = nn.LayerList([nn.Linear(class_embeddings.shape[1], 128), nn.Linear(128, d)])
        self.word_norm = nn.LayerList([BatchNorm(128), BatchNorm(d)])
        self.visual_gcn, self.semantic_gcn = LearnedGCN(d, v), LearnedGCN(d, num_classes)
        self.further = nn.LayerList([LearnedGCN(d, v) for _ in range(1, check_steps("GINet", steps))])
        self.query, self.key = nn.Linear(d, d // 2), nn.Linear(d, d // 2)  # W_q, W_k
        self.s2v, self.v2s = nn.Linear(d, d), nn.Linear(d, d)  # W, W'
        zero = nn.initializer.Constant(0.0)
        self.beta_s2v = self.create_parameter([1, v, 1], default_initializer=zero)
        self.beta_v2s = self.create_parameter([1, num_classes, 1], default_initializer=zero)
        self.presence = nn.Linear(d, 1) if presence else None
        self.conv_extend = nn.Conv2D(d, in_channels, 1, bias_attr=False)
        gamma = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0 if zero_init else 1.0))
        self.norm = BatchNorm(in_channels, weight_attr=gamma)

    def assign(self, x: Tensor) -> Tensor:
        return self.conv_theta(x)  # Z, signed

    def gather(self, x: Tensor, assignment: Tensor) -> Tensor:
        """Visual nodes P ``[N, V, D]``."""
        return mean_product(pixels(assignment), pixels(self.conv_phi(x)))

    def class_nodes(self) -> Tensor:
        """Semantic nodes S~ ``[1, K, D]``."""
        s = self.class_embeddings
        for linear, norm in zip(self.word_fc, self.word_norm):
            s = linear(s).transpose([1, 0]).unsqueeze([0, -1])  # [1, F, K, 1]: normalise over the classes
            s = relu(norm(s)).squeeze([0, -1]).transpose([1, 0])
        return _states(self.semantic_gcn, s.unsqueeze(0))

    def interact(self, p: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``P_o [N, V, D], S_o [N, K, D], G_s2v [N, K, V], G_v2s [N, K, V]`` of reasoned nodes P~, S~."""
        energy = paddle.matmul(self.query(s), self.key(p), transpose_y=True)  # [N, K, V]
        g_s2v, g_v2s = F.softmax(energy, axis=1), F.softmax(energy, axis=2)
        p_out = p + self.beta_s2v * paddle.matmul(g_s2v, self.s2v(s), transpose_x=True)
        s_out = self.beta_v2s * s + paddle.matmul(g_v2s, self.v2s(p))
        return p_out, s_out, g_s2v, g_v2s

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        p = _states(self.visual_gcn, self.gather(x, assignment))
        for gcn in self.further:
            p = _states(gcn, p)
        p, s, _, _ = self.interact(p, self.class_nodes())
        spread = to_map(paddle.matmul(p, pixels(assignment), transpose_x=True), x)  # Z^T P_o, [N, D, H, W]
        y = add(x, self.norm(self.conv_extend(spread)))
        return y, {} if self.presence is None else {"presence": self.presence(s).squeeze(-1)}

    def side_losses(self) -> dict[str, dict[str, Any]]:
        return {} if self.presence is None else {"presence": {"type": "PresenceLoss", "coef": 0.2}}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        nodes = self.gather(x, assignment)
        adjacency = self.visual_gcn.adjacency()
        return Explanation(as_assignment(assignment), nodes, adjacency, (self.num_nodes,), projection=assignment)

    def macs(self, height: int, width: int) -> int:
        d, v, k = self.num_state, self.num_nodes, self.beta_v2s.shape[1]
        return 2 * d * v * height * width + k * v * (d // 2) + 2 * k * v * d


def _states(gcn: nn.Layer, nodes: Tensor) -> Tensor:
    return gcn(nodes.transpose([0, 2, 1])).transpose([0, 2, 1])


def _embeddings(
    given: str | Sequence[Sequence[float]] | np.ndarray | None, class_names: Sequence[str] | None, num_classes: int
) -> np.ndarray:
    """``[K, E]`` float32 from what the configuration gives."""
    if given is None:
        return gaussian_embeddings(num_classes)
    if isinstance(given, str):
        if not class_names or len(class_names) != num_classes:
            raise ConfigError(f"GINet: class_embeddings '{given}' needs class_names, {num_classes} of them.")
        return read_glove(given, class_names)
    rows = np.asarray(given, dtype="float32")
    if rows.ndim != 2 or len(rows) != num_classes or not np.isfinite(rows).all():
        raise ConfigError(f"GINet: class_embeddings must be finite [{num_classes}, E], got {list(rows.shape)}.")
    check_distinct(rows, class_names)
    return rows
