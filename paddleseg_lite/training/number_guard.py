"""Numbers gone bad: find a non-finite loss or gradient before it reaches the weights, and say where it came from."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn

from ..errors import EnvironmentProblem, UserError
from ..files import write_json
from ..layers import keep_statistics
from .parallel import any_rank

logger = logging.getLogger("paddleseg_lite")

HISTORY = 100
MAX_SKIPS_IN_A_ROW = 20


class TrainingDiverged(UserError, ArithmeticError):
    """A loss or gradient became NaN or infinite."""


class NumbersGuard:
    """Checks every update before it is applied.

    ``stop`` ends the run with ``blackbox.json`` in the run folder (of rank N of
    several: ``blackbox_rankN.json``); ``skip`` leaves the update out and goes on, up to 20 in a row.

    Args:
        policy: ``stop`` or ``skip``.
        folder: where the black box goes.
    """

    def __init__(self, policy: str, folder: Path):
        self.policy, self.folder = policy, folder
        self.losses: deque = deque(maxlen=HISTORY)
        self.grad_norm: Any = None
        self._loss_sum: Any = None
        self._metas: list[dict] = []
        self._skips = 0
        self._put_back: Callable[[], None] | None = None

    def begin(self, model) -> None:
        """Before a step: keep what its forward pass changes (running statistics), to undo it if it is skipped."""
        if self.policy == "skip":
            self._put_back = keep_statistics(model)

    def saw(self, batch: dict, total) -> None:
        """Note the loss of one (micro) batch."""
        total = total.detach()
        self.losses.append(total)
        self._loss_sum = total if self._loss_sum is None else self._loss_sum + total
        self._metas.extend(batch["meta"])

    def check(self, trainer, batch: dict) -> bool:
        """Whether the update may be applied.

        Raises:
            TrainingDiverged: it may not, and the policy is ``stop``.
        """
        gradients = [p.grad for p in trainer.model.parameters() if not p.stop_gradient and p.grad is not None]
        # fp16's loss scaler has a check of its own and expects overflows now and then.
        finite = bool(paddle.isfinite(self._loss_sum)) and (
            trainer.precision.scaler is not None or all_finite(gradients)
        )
        own, finite = finite, not any_rank(not finite, trainer.world_size)
        if (trainer.state.iteration + 1) % trainer.config.log_iters == 0 and gradients:
            self.grad_norm = joint_norm(gradients) / trainer.precision.loss_scale
        metas, self._metas, self._loss_sum = self._metas, [], None
        if finite:
            self._skips = 0
            return True
        self._skips += 1
        with trainer.precision.autocast():  # half precision overflows where fp32 would not
            layer = first_bad_layer(trainer.model, batch["image"])  # on all ranks: synchronised norms wait for each
        path = "another rank's blackbox." if own else self._write_black_box(trainer, batch, metas, gradients, layer)
        message = (
            f"the loss or a gradient is not finite at iteration {trainer.state.iteration + 1}. "
            f"What led to it is in {path} "
        )
        if self.policy == "stop" or self._skips > MAX_SKIPS_IN_A_ROW:
            raise TrainingDiverged(
                message + "Usual causes: learning rate too high (try a tenth, or warm-up), damaged images, "
                "labels out of range, half precision. --nan_policy skip leaves such updates out."
            )
        if self._put_back is not None:
            self._put_back()
        logger.warning("%sUpdate left out (%d in a row).", message, self._skips)
        return False

    def _write_black_box(self, trainer, batch: dict, metas: list[dict], gradients: list, layer: str | None) -> str:
        """Write the state at the moment of the failure; returns where it is, in words."""
        labels = batch["label"].numpy()
        record = {
            "iteration": trainer.state.iteration + 1,
            "files": [m.get("path") for m in metas],
            "label_ids": np.unique(labels).tolist(),
            "lr": float(trainer.optimizer.get_lr()),
            "grad_norm": float(joint_norm(gradients)) / trainer.precision.loss_scale if gradients else None,
            "loss_scale": trainer.precision.loss_scale,
            "first_layer_with_non_finite_output": layer,
            "parameters_with_non_finite_gradient": [
                name
                for name, p in trainer.model.named_parameters()
                if p.grad is not None and not bool(paddle.isfinite(p.grad).all())
            ][:20],
            "image_range": [float(batch["image"].min()), float(batch["image"].max())],
            "last_losses": [float(v) for v in self.losses],
        }
        path = self.folder / ("blackbox.json" if trainer.rank == 0 else f"blackbox_rank{trainer.rank}.json")
        try:
            write_json(path, record)
        except EnvironmentProblem as e:  # the failure itself is the news
            return f"no file: {e}"
        return f"{path}."


def joint_norm(tensors: list):
    """The L2 norm of all tensors together, as a scalar tensor."""
    return paddle.sqrt(paddle.add_n([(t.astype("float32") ** 2).sum() for t in tensors]))


def all_finite(tensors: list) -> bool:
    """Whether every element of every tensor is finite; one fused pass where Paddle has it."""
    if not tensors:
        return True
    fused = getattr(paddle._C_ops, "check_finite_and_unscale_", None)
    kinds = {t.dtype for t in tensors}
    if fused is None or kinds != {paddle.float32} or not all(t.is_dense() for t in tensors):
        return all(bool(paddle.isfinite(t).all()) for t in tensors)
    _, found = fused(tensors, paddle.ones([1]))
    return not bool(found)


@paddle.no_grad()
def first_bad_layer(model: nn.Layer, image) -> str | None:
    """Name of the first leaf layer whose output is not finite when ``image`` is run again; ``None`` if all are."""
    found: list[str] = []
    hooks = []
    for name, layer in model.named_sublayers():
        if not layer.sublayers():

            def hook(_, __, output, name=name):
                if not found and isinstance(output, paddle.Tensor) and not bool(paddle.isfinite(output).all()):
                    found.append(name)

            hooks.append(layer.register_forward_post_hook(hook))
    put_back = keep_statistics(model)  # look, do not touch
    try:
        model(image)
    finally:
        put_back()
        for hook in hooks:
            hook.remove()
    return found[0] if found else None
