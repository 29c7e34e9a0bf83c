"""Faster training on the CPU through the oneDNN library inside the Paddle wheel.

    report = accel.enable(model, "auto")   # or "fp32", "bf16"
    ...
    accel.disable(model)

How it works, what was measured and where it ends: docs/cpu.md.
"""

from __future__ import annotations

from .choose import choices, clear_choices, load_choices
from .dnnl import available, has_bf16
from .switch import Report, disable, disabled, enable, evaluating

__all__ = [
    "Report", "available", "choices", "clear_choices", "disable", "disabled", "enable", "evaluating", "has_bf16",
    "load_choices",
]
