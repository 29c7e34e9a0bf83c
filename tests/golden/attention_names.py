"""Names of the weights of PaddleSeg's attention blocks -> ours, and the numbers both are filled with (NumPy only)."""

from __future__ import annotations

import numpy as np

from tests.golden.formula import formula_image, formula_weights, uniform

CHANNELS, INNER, CLASSES = 16, 8, 5
SHAPE = [2, CHANNELS, 10, 13]


def image(channels: int) -> np.ndarray:
    """A batch as it comes out of a ReLU."""
    return np.maximum(formula_image(2, channels, 10, 13), 0)


def numbers(kind: str, name: str, shape: list[int]) -> np.ndarray:
    """The values of a weight, by our name of it; EMANet's bases have unit length."""
    if name.endswith("bases"):
        values = uniform(f"{kind}.{name}", shape)
        return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    return formula_weights(f"{kind}.{name}", shape)


def _conv(theirs: str, ours: str, *, bias: bool = True) -> dict[str, str]:
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")[: 1 + bias]}


def _conv_bn(theirs: str, ours: str, *, bias: bool = True, inner: str = "conv", norm: str = "bn") -> dict[str, str]:
    prefix = f"{ours}." if ours else ""
    names = _conv(f"{theirs}._conv", f"{prefix}{inner}", bias=bias)
    parts = ("weight", "bias", "_mean", "_variance")
    return {**names, **{f"{theirs}._batch_norm.{p}": f"{prefix}{norm}.{p}" for p in parts}}


def _attention(theirs: str, ours: str) -> dict[str, str]:
    names = _conv(f"{theirs}.value_project", f"{ours}.value")
    for part in ("query", "key"):
        for i in (0, 1):
            names |= _conv_bn(f"{theirs}.{part}_project.{i}", f"{ours}.{part}.{i}", bias=False)
    return names | _conv_bn(f"{theirs}.output_project", f"{ours}.out", bias=False)


NAMES = {
    "OCR": {
        **_conv_bn("ocr.attention_block.f_pixel.0", "pixel.0"),
        **_conv_bn("ocr.attention_block.f_pixel.1", "pixel.1"),
        **_conv_bn("ocr.attention_block.f_object.0", "object.0"),
        **_conv_bn("ocr.attention_block.f_object.1", "object.1"),
        **_conv_bn("ocr.attention_block.f_down", "down"),
        **_conv_bn("ocr.attention_block.f_up", "up"),
        **_conv_bn("ocr.conv1x1.0", "fuse"),
    },
    "DANet": {
        **_conv("pam.query_conv", "position.query"),
        **_conv("pam.key_conv", "position.key"),
        **_conv("pam.value_conv", "position.value"),
        "pam.gamma": "position.gate.gamma",
        "cam.gamma": "channel.gate.gamma",
    },
    "CCNet": {**_conv("q_conv", "query"), **_conv("k_conv", "key"), **_conv("v_conv", "value"), "gamma": "gate.gamma"},
    "EMANet": {
        **_conv("mid", "enter"),
        "emau.mu": "bases",
        **_conv_bn("out", "", bias=False, inner="leave", norm="norm"),
    },
    "GCNet": {
        **_conv("conv_mask", "mask"),
        **_conv("channel_add_conv.0", "squeeze"),
        **_conv("channel_add_conv.1", "norm"),
        **_conv("channel_add_conv.3", "excite"),
    },
    "ANN": {
        **_conv_bn("stages.0.f_key", "theta"),
        **_conv_bn("stages.0.f_query", "theta"),
        **_conv("stages.0.f_value", "g"),
        **_conv("stages.0.W", "extend"),
        **_conv_bn("conv_bn", "fuse"),
    },
    "ISANet": {
        **_attention("head.global_relation", "long_range"),
        **_attention("head.local_relation", "short_range"),
        **_conv_bn("head.out_conv", "fuse", bias=False),
    },
    "DNL": {
        **_conv("theta", "query"),
        **_conv("phi", "key"),
        **_conv("g", "value"),
        **_conv("conv_mask", "mask"),
        **_conv_bn("conv_out", "", bias=False, inner="extend", norm="norm"),
    },
}


def fold_bias(kind: str) -> set[str]:
    """Biases in front of a batch normalisation that ours leaves out; its own bias does the same."""
    return {"out._conv.bias"} if kind == "EMANet" else set()
