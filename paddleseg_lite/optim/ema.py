"""Exponential moving average of the weights (Polyak averaging), validated and saved instead of the raw ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import paddle
from paddle import nn


class EMA:
    """``shadow <- decay * shadow + (1 - decay) * weight`` after every optimizer step.

    Integer and running-statistics buffers are copied, not averaged. Averages are
    fp32 whatever the weights are: half precision loses what a step adds. The decay
    warms up as ``min(decay, (1 + t) / (10 + t))`` so that short runs are not
    dominated by the initial weights.
    """

    def __init__(self, model: nn.Layer, decay: float = 0.999) -> None:
        self.model, self.decay, self.steps = model, decay, 0
        self._averaged = {name for name, p in model.named_parameters() if not p.stop_gradient}
        self.shadow = {
            name: (value.astype("float32") if name in self._averaged else value).detach().clone()
            for name, value in model.state_dict().items()
        }

    @paddle.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in self.model.state_dict().items():
            if name in self._averaged:
                self.shadow[name].scale_(decay).add_(value.detach().astype("float32") * (1 - decay))
            else:
                paddle.assign(value, self.shadow[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this block the model has the averaged weights."""
        kept = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.set_state_dict({name: value.astype(kept[name].dtype) for name, value in self.shadow.items()})
        try:
            yield
        finally:
            self.model.set_state_dict(kept)

    def load(self, shadow: Mapping[str, Any], steps: int) -> None:
        """Restore from a checkpoint; every name must match."""
        missing = set(self.shadow) ^ set(shadow)
        if missing:
            raise ValueError(f"EMA weights do not match the model: {sorted(missing)[:5]}")
        for name, value in shadow.items():
            self.shadow[name] = paddle.to_tensor(value, dtype=self.shadow[name].dtype)
        self.steps = steps
