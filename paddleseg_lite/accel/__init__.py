"""Faster training on the CPU through the oneDNN library inside the Paddle wheel.

    report = accel.enable(model, "auto")   # or "fp32", "bf16"
    ...
    accel.disable(model)

How it works, what was measured and where it ends: docs/cpu.md.

May import: layers, errors. Paddle itself is not patched: layers of one model are switched.
A new kernel is a file, and its use a stand-in in ``layers`` or ``functions``.
"""

from __future__ import annotations

from .choose import choices, clear_choices, load_choices
from .loading import available, has_bf16
from .recipe import accelerate
from .switch import Report, disable, disabled, enable, evaluating

__all__ = [
    "Report",
    "accelerate",
    "available",
    "choices",
    "clear_choices",
    "disable",
    "disabled",
    "enable",
    "evaluating",
    "has_bf16",
    "load_choices",
]
