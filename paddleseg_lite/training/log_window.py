"""What is measured between two log lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
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

    def mark(self) -> None:
        """A step is about to begin, or is complete: :meth:`state` holds complete steps only."""
        self._complete = len(self.losses)

    def state(self) -> dict[str, Any]:
        """The losses since the last line, for a checkpoint: the next line of a resumed run has their mean as well.

        Of several ranks each must ask; the state is their mean.
        """
        numbers = {"": self.losses, **self.parts}
        flat = {f"{k}/{i}": float(v) for k, vs in numbers.items() for i, v in enumerate(vs[: self._complete])}
        flat = parallel.mean_over_ranks(flat, self.world_size)
        losses = {k: [flat[f"{k}/{i}"] for i in range(len(vs[: self._complete]))] for k, vs in numbers.items()}
        return {"losses": losses, "grad_norm": None if self.grad_norm is None else float(self.grad_norm)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` gave; ``{}`` leaves the window empty."""
        losses = {name: list(values) for name, values in state.get("losses", {}).items()}
        self.losses, self.parts = losses.pop("", []), losses
        self.grad_norm = state.get("grad_norm")
        self.mark()

    def _reset(self) -> None:
        self.losses: list[Any] = []
        self.parts: dict[str, list[Any]] = {}
        self.wait, self.idle, self.started = 0.0, 0.0, time.perf_counter()
        self.mark()

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


def checked_state(state: Any) -> dict[str, Any]:
    """What :meth:`LogWindow.state` gave, read back from a file; anything else raises."""
    state = state or {}
    norm = state.get("grad_norm")
    losses = {str(name): [float(v) for v in values] for name, values in state.get("losses", {}).items()}
    return {"losses": losses, "grad_norm": None if norm is None else float(norm)}


def mean(values: list[Any]) -> float:
    """Mean of scalar tensors as a Python number."""
    return float(np.mean([float(v) for v in values])) if values else float("nan")
