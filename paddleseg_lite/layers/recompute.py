"""Less memory for more time: what a block computes inside is dropped, and computed again when its gradients are due.

Chen, Xu, Zhang, Guestrin, Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174. A recipe asks for it by
``recompute: true``. The result is the same but for rounding, where a map has several readers: random numbers are
drawn again as they were, and running statistics move once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import paddle
from paddle import nn

from .norm import keep_statistics


def recompute_blocks(model: nn.Layer) -> int:
    """Mark the blocks that layers of ``model`` offer by ``blocks_to_recompute()``; returns how many there are."""
    blocks = [block for layer in model.sublayers(include_self=True) for block in offered(layer)]
    for block in blocks:
        block.recomputed = True
    return len(blocks)


def offered(layer: nn.Layer) -> Iterable[nn.Layer]:
    """The blocks that a layer runs by :func:`run`, if it does."""
    return getattr(layer, "blocks_to_recompute", tuple)()


def marked(block: nn.Layer) -> bool:
    """Whether a block is computed again in the backward pass."""
    return getattr(block, "recomputed", False)


def run(block: nn.Layer, *inputs: Any) -> Any:
    """``block(*inputs)``; in training a marked block keeps its inputs alone."""
    if not (marked(block) and block.training and paddle.in_dynamic_mode() and paddle.is_grad_enabled()):
        return block(*inputs)
    from paddle.distributed.fleet.utils import recompute

    if all(x.stop_gradient for x in inputs):  # the image: its blocks' parameters have gradients all the same
        inputs = tuple(x.detach() for x in inputs)
        inputs[0].stop_gradient = False
    return recompute(_Twice(block), *inputs)


class _Twice:
    """A block that is run without gradients and then with them; only the first run moves running statistics."""

    def __init__(self, block: nn.Layer) -> None:
        self.block = block

    def __call__(self, *inputs: Any) -> Any:
        if not paddle.is_grad_enabled():
            return self.block(*inputs)
        put_back = keep_statistics(self.block)
        outputs = self.block(*inputs)
        put_back()
        return outputs
