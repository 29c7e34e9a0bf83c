"""The arithmetic of a network that predicts."""

from __future__ import annotations

from collections.abc import Callable

import paddle

from .. import accel
from ..errors import instead
from .logits import run_logits


def half_forward(model, precision: str, level: str):
    """``model`` under autocast with fp32 logits, for prediction on a GPU (untested there); None in fp32 and on CPUs."""
    dtype = {"fp16": "float16", "bf16": "bfloat16"}.get(precision)
    if dtype is None or not paddle.get_device().startswith("gpu"):
        return None

    def forward(x):
        with paddle.amp.auto_cast(level=level, dtype=dtype):
            return run_logits(model, x)

    return forward


def engine_name(precision: str) -> str:
    """What reports call the arithmetic of a recipe's network in eval mode on this device; fp32 on CPUs."""
    return f"dygraph {precision if paddle.get_device().startswith('gpu') else 'fp32'}"


def on_this_device(precision: str, note: Callable[[str], None]) -> str:
    """The precision that is computed in where ``precision`` is asked for; ``note`` hears what is different."""
    if precision == "fp32" or paddle.get_device().startswith("gpu"):
        return precision
    if precision == "fp16":
        note(instead("precision fp16", "CPUs have no fp16 arithmetic", "fp32"))
        return "fp32"
    if not accel.has_bf16():
        note(instead("precision bf16", "this processor has neither AVX512-BF16 nor AMX", "fp32"))
        return "fp32"
    note("precision bf16: on a CPU convolutions multiply in bf16; all else, and the weights, is in fp32.")
    return precision
