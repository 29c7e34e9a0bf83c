"""A small version of a unit, and what the tests do to it."""

from __future__ import annotations

import numpy as np
import paddle

from paddleseg_lite.registry import CONTEXTS
from tests.contracts.forms import CONTEXT_FORMS

C = 12
GLORE = {"type": "GloRe", "num_state": 6, "num_nodes": 5}


def build(spec, channels: int = C, num_classes: int = 4):
    """A unit by its name, or the name of a form of it, as small as it says, or from a spec; as the slot builds it."""
    if isinstance(spec, str):
        spec = CONTEXT_FORMS[spec] if spec in CONTEXT_FORMS else CONTEXTS.small(spec)
    return CONTEXTS.build(spec, offered={"in_channels": channels, "num_classes": num_classes})


def features(n=2, h=9, w=13, c=C, seed=0):
    """A map as it comes out of BN and ReLU."""
    rng = np.random.default_rng(seed)
    return paddle.to_tensor(np.maximum(rng.normal(size=[n, c, h, w]), 0).astype("float32"))


def randomise(layer, seed=0):
    """Fill all parameters and statistics with ordinary numbers, so that nothing is hidden behind a zero."""
    rng = np.random.default_rng(seed)
    for name, value in layer.state_dict().items():
        if name.endswith(("class_embeddings", "kept")):
            continue
        fan_in = np.prod(value.shape[1:]) if len(value.shape) > 1 else 1.0
        drawn = rng.normal(size=value.shape) / np.sqrt(fan_in)
        if name.endswith("_variance"):
            drawn = 0.5 + np.abs(drawn)
        value.set_value(drawn.astype("float32"))
    layer.eval()
    return layer
