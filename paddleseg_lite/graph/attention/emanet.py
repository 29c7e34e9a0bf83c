"""EMANet: Expectation-Maximization Attention Networks (Li et al., ICCV 2019, arXiv:1907.13426).

V bases mu [C, V] of unit length describe the pixels X [C, L] of a map in T rounds:

    E   z_ik = softmax_k(x_i . mu_k)                   responsibilities
    M   mu_k = normalised sum_i z_ik x_i / sum_i z_ik  bases

and the map is rebuilt from them, of rank V instead of L:

    out = ReLU(x + BN(W2 ReLU(sum_k z_ik mu_k)))       with X = W1 x; W1, W2: 1x1 C -> C

The bases that the rounds start from are the moving average of those found in
training. The last BN starts at zero, so the unit starts as the identity on maps that
are not negative.

Deviations: in the official code no gradient passes the rounds, so that W1 never
moves; here it passes the last E and M step. PaddleSeg puts a ReLU behind the last BN
(``relu: true``), the authors do not.
"""

from __future__ import annotations

from typing import Any

import paddle
import paddle.distributed as dist
import paddle.nn.functional as F
from paddle import Tensor, nn

from ...errors import ConfigError
from ...layers import BatchNorm
from ...registry import CONTEXTS
from ..base import Explanation, NodeUnit, pixels, to_map


@CONTEXTS.register(small={"num_nodes": 5})
class EMANet(NodeUnit):
    """Expectation-maximization attention, ``[N, C, H, W] -> [N, C, H, W]``.

    Args:
        in_channels: C.
        num_nodes: V, the number of bases.
        rounds: T, at least 1.
        momentum: share of new bases in the moving average.
        relu: behind the last BN (PaddleSeg).
        zero_init: start as the identity.

    Raises:
        ConfigError: rounds below 1.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_nodes: int = 64,
        rounds: int = 3,
        momentum: float = 0.1,
        relu: bool = False,
        zero_init: bool = True,
    ) -> None:
        super().__init__(in_channels)
        if rounds < 1:
            raise ConfigError(f"EMANet: rounds must be at least 1, got {rounds}.")
        self.num_nodes, self.rounds, self.momentum = num_nodes, rounds, momentum
        self.starts_as_identity = zero_init
        self.enter = nn.Conv2D(in_channels, in_channels, 1)  # W1
        self.leave = nn.Conv2D(in_channels, in_channels, 1, bias_attr=False)  # W2
        gamma = paddle.ParamAttr(initializer=nn.initializer.Constant(0.0 if zero_init else 1.0))
        self.norm = BatchNorm(in_channels, weight_attr=gamma)
        self.act = nn.ReLU() if relu else nn.Identity()
        self.register_buffer("bases", F.normalize(paddle.randn([1, in_channels, num_nodes]), axis=1))

    def assign(self, x: Tensor) -> Tensor:
        """Responsibilities z of the last round, ``[N, V, H, W]``; they sum to 1 over the bases."""
        points = pixels(self.enter(x))
        with paddle.no_grad():
            bases = self.bases.astype(points.dtype) + paddle.zeros_like(points[:, :1, :1])  # [N, C, V]
            for _ in range(self.rounds - 1):
                bases = self._maximise(points, self._expect(points, bases))
        return to_map(self._expect(points, bases), x)

    def gather(self, x: Tensor, assignment: Tensor) -> Tensor:
        """Bases ``[N, C, V]`` for given responsibilities."""
        return self._maximise(pixels(self.enter(x)), pixels(assignment))

    def reason(self, x: Tensor, assignment: Tensor) -> tuple[Tensor, dict[str, Any]]:
        bases = self.gather(x, assignment)
        if self.training:
            self._average(bases.detach())
        rebuilt = F.relu(to_map(paddle.matmul(bases, pixels(assignment)), x))
        return F.relu(x + self.act(self.norm(self.leave(rebuilt)))), {}

    def explain_with(self, x: Tensor, assignment: Tensor) -> Explanation:
        nodes = self.gather(x, assignment).transpose([0, 2, 1])
        return Explanation(assignment, nodes, paddle.eye(self.num_nodes), (self.num_nodes,))  # bases send no messages

    def macs(self, height: int, width: int) -> int:
        return (2 * self.rounds + 1) * self.in_channels * self.num_nodes * height * width

    @staticmethod
    def _expect(points: Tensor, bases: Tensor) -> Tensor:
        return F.softmax(paddle.matmul(bases, points, transpose_x=True), axis=1)  # [N, V, L]

    @staticmethod
    def _maximise(points: Tensor, share: Tensor) -> Tensor:
        mean = paddle.matmul(points, F.normalize(share, p=1, axis=-1), transpose_y=True)
        return F.normalize(mean, axis=1)

    @paddle.no_grad()
    def _average(self, bases: Tensor) -> None:
        found = F.normalize(bases.mean(0, keepdim=True), axis=1).astype(self.bases.dtype)
        found = (1 - self.momentum) * self.bases + self.momentum * found
        if dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(found)
            found = found / dist.get_world_size()
        self.bases.set_value(found)
