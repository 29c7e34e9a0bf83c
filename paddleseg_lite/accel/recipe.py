"""The kernels that a recipe asks for."""

from __future__ import annotations

import logging

import paddle

from .switch import enable

logger = logging.getLogger("paddleseg_lite")


def accelerate(model, precision: str = "fp32", cpu_accel: str = "fp32") -> None:
    """Run ``model`` on the oneDNN kernels that a recipe asks for; nothing on a GPU."""
    mode = "bf16" if precision == "bf16" else cpu_accel
    if mode != "off" and not paddle.get_device().startswith("gpu"):
        logger.debug("CPU kernels: %s", enable(model, mode=mode))
