"""What is measured between two log lines."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from . import parallel


class LogWindow:
    """Sums between two log lines; losses stay tensors until a line is due, so that no step waits for the device."""

    def __init__(self, images_per_step: int, iteration: int, world_size: int = 1):
        self.images_per_step, self.last_iteration = images_per_step * world_size, iteration
        self.world_size = world_size
        self.grad_norm: Any = None
        self._reset()

    def _reset(self) -> None:
        self.losses: list[Any] = []
        self.parts: dict[str, list[Any]] = {}
        self.wait, self.idle, self.started = 0.0, 0.0, time.perf_counter()

    def waited(self, seconds: float) -> None:
        self.wait += seconds

    def pause(self, seconds: float) -> None:
        """Time that was not training (validation, saving)."""
        self.idle += seconds

    def add_loss(self, total, parts: dict[str, Any]) -> None:
        self.losses.append(total.detach())
        for name, value in parts.items():
            self.parts.setdefault(name, []).append(value.detach())

    def flush(self, *, iteration: int, lr: float, total: int, epoch: int) -> dict[str, Any]:
        """Plain numbers since the last call."""
        steps, self.last_iteration = max(1, iteration - self.last_iteration), iteration
        seconds = max(time.perf_counter() - self.started - self.idle, 1e-9)
        own = {"": mean(self.losses), **{name: mean(values) for name, values in self.parts.items()}}
        losses = parallel.mean_over_ranks(own, self.world_size)
        info = {
            "iter": iteration,
            "epoch": epoch,
            "loss": losses.pop(""),
            "loss_parts": losses,
            "lr": lr,
            "grad_norm": None if self.grad_norm is None else float(self.grad_norm),
            "images_per_s": steps * self.images_per_step / seconds,
            "data_share": self.wait / seconds,
            "eta_s": (total - iteration) * seconds / steps,
        }
        self._reset()
        return info


def mean(values: list[Any]) -> float:
    """Mean of scalar tensors as a Python number."""
    return float(np.mean([float(v) for v in values])) if values else float("nan")
