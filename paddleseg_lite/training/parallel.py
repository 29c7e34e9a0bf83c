"""Data-parallel training on Paddle's own launcher: ``python -m paddle.distributed.launch tools/train.py ...``.

Every decision (stop, best, non-finite numbers) is agreed between the ranks;
rank 0 alone writes. With one process each function is a no-op. Tested with the
gloo backend on CPU; untested on GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
import paddle
import paddle.distributed as dist
from paddle import nn


def start() -> tuple[int, int]:
    """Join the process group the launcher has set up; ``(rank, world_size)``."""
    world_size = int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))
    if world_size > 1 and not dist.is_initialized():
        dist.init_parallel_env()
    return (dist.get_rank(), world_size) if world_size > 1 else (0, 1)


def wrap(model: nn.Layer, world_size: int, *, unused: Sequence[str] = ()) -> nn.Layer:
    """``paddle.DataParallel`` where there is more than one process.

    It waits for the gradient of every parameter that the outputs of the first step depend on
    (so not of GINet's dead branch).

    Args:
        unused: outputs without a loss, cut from the graph.
    """
    if world_size == 1:
        return model
    if unused:
        model.register_forward_post_hook(
            lambda layer, inputs, outputs: {k: v.detach() if k in unused else v for k, v in outputs.items()}
        )
    return paddle.DataParallel(model)


def convert_sync_bn(model: nn.Layer, world_size: int) -> nn.Layer:
    """Batch statistics over all GPUs; CPU has no such kernel and keeps its own per process."""
    if world_size > 1 and paddle.get_device().startswith("gpu"):
        synchronise(model)
    return model


def synchronise(model: nn.Layer) -> None:
    """Turn the norms below ``model`` into ``SyncBatchNorm``, but for frozen ones, of which it has no form."""
    for layer in model.sublayers(include_self=True):
        for name, child in list(layer.named_children()):
            if isinstance(child, nn.BatchNorm2D) and not child._use_global_stats:
                layer.add_sublayer(name, nn.SyncBatchNorm.convert_sync_batchnorm(child))


def agree_on_stop(reason: str | None, world_size: int) -> str | None:
    """Every rank stops when one of them wants to."""
    stop = any_rank(reason is not None, world_size)  # always asked: every rank must take part
    return reason or ("another rank asked for a stop" if stop else None)


def any_rank(flag: bool, world_size: int) -> bool:
    """Whether the flag is set on any rank."""
    if world_size == 1:
        return flag
    tensor = paddle.to_tensor([int(flag)], dtype="int32")
    dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
    return bool(tensor.item())


def broadcast(tensors: Iterable, world_size: int) -> None:
    """Give every rank the values of rank 0, in place."""
    if world_size > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)


def mean_over_ranks(values: dict[str, float], world_size: int) -> dict[str, float]:
    """The mean of each number over all ranks."""
    if world_size == 1 or not values:
        return values
    tensor = paddle.to_tensor(list(values.values()), dtype="float64")
    dist.all_reduce(tensor)
    return dict(zip(values, (tensor.numpy() / world_size).tolist()))


def merge_evaluation(evaluation, convention: str, world_size: int):
    """Sum the ranks' confusion matrices; integers, so equal to a single process to the last digit."""
    if world_size == 1:
        return evaluation
    matrix = paddle.to_tensor(evaluation.matrix.matrix)
    dist.all_reduce(matrix)
    evaluation.matrix.matrix = np.asarray(matrix.numpy())
    sums = paddle.to_tensor([(evaluation.loss or 0.0) * evaluation.images, float(evaluation.images)], dtype="float64")
    dist.all_reduce(sums)
    evaluation.images = int(sums[1])
    if evaluation.loss is not None:
        evaluation.loss = float(sums[0] / sums[1])
    evaluation.scores = evaluation.matrix.compute(convention)
    return evaluation
