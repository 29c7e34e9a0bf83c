"""The arithmetic of a network that predicts."""

from __future__ import annotations

import paddle

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
