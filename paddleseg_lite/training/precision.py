"""Mixed precision on GPUs, oneDNN kernels on CPUs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle

from .. import accel
from ..accel import accelerate
from ..inference.backend import precision_here

logger = logging.getLogger("paddleseg_lite")


class Precision:
    """Autocast and loss scaling behind one interface; the identity in fp32.

    On a GPU ``fp16`` and ``bf16`` mean ``paddle.amp`` (untested on GPUs). On a
    CPU Paddle's autocast silently computes in fp32, so ``bf16`` selects the
    oneDNN kernels with bf16 arithmetic instead, and ``fp16`` is fp32 with a line that says so.

    Args:
        note: hears what becomes of a precision that this machine has not.
    """

    def __init__(
        self,
        precision: str,
        level: str,
        cpu_accel: str,
        model,
        optimizer,
        *,
        note: Callable[[str], None] = logger.warning,
    ):
        on_gpu = paddle.get_device().startswith("gpu")
        self.amp_dtype = {"fp16": "float16", "bf16": "bfloat16"}.get(precision) if on_gpu else None
        self.level, self.scaler = level, None
        if not on_gpu:
            precision = precision_here(precision, note)
            accelerate(model, precision, cpu_accel)
        elif self.amp_dtype:
            if level == "O2":
                paddle.amp.decorate(models=model, optimizers=optimizer, level="O2", dtype=self.amp_dtype)
            if precision == "fp16":
                self.scaler = paddle.amp.GradScaler(init_loss_scaling=2.0**10)
        self._records_choices = not on_gpu and (precision == "bf16" or cpu_accel != "off")

    def autocast(self):
        """Context for forward and loss."""
        if self.amp_dtype is None:
            return contextlib.nullcontext()
        return paddle.amp.auto_cast(level=self.level, dtype=self.amp_dtype)

    def scale(self, loss):
        """The loss to call ``backward`` on."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    @property
    def loss_scale(self) -> float:
        """What gradients are multiplied with until :meth:`step`."""
        return 1.0 if self.scaler is None else _plain(self.scaler.state_dict()["scale"])

    def step(self, optimizer) -> None:
        """One optimizer update."""
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """Scaler state and kernel choices, as JSON."""
        state: dict[str, Any] = {}
        if self.scaler is not None:
            state["scaler"] = {k: _plain(v) for k, v in self.scaler.state_dict().items()}
        if self._records_choices:
            state["accel_choices"] = accel.choices()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        if self.scaler is not None and "scaler" in state:
            scaler = dict(state["scaler"])
            self.scaler.load_state_dict({**scaler, "scale": np.asarray([scaler["scale"]], np.float32)})
        if self._records_choices and "accel_choices" in state:
            accel.load_choices(state["accel_choices"])


def _plain(value: Any) -> Any:
    """A number of the scaler's state; the scale itself is an array of one."""
    return value if isinstance(value, (int, float, bool)) else float(np.asarray(value).reshape(-1)[0])
