"""How one model is accelerated."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

logger = logging.getLogger("paddleseg_lite")

MODES = ("auto", "fp32", "bf16", "off")


@dataclass
class Policy:
    """How one model is accelerated.

    Attributes:
        mode: ``auto`` (fp32, the faster of Paddle and oneDNN), ``fp32`` or ``bf16``.
        eval_mode: the same for layers in eval mode.
    """

    mode: str
    eval_mode: str
    told: set[str] = field(default_factory=set)

    def of(self, layer) -> str:
        """The mode that applies to the layer as it is now."""
        return self.mode if layer.training else self.eval_mode

    def step_aside(self, what: str, why) -> None:
        """Say once that something is left to Paddle."""
        text = f"cpu_accel: {what} stays with Paddle: {why}."
        if text not in self.told:
            self.told.add(text)
            logger.info(text)
