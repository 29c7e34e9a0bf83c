"""Small versions of every unit, and what the tests do to them."""

from __future__ import annotations

import numpy as np
import paddle

from paddleseg_lite.registry import CONTEXTS

C = 12
GLORE = {"type": "GloRe", "num_state": 6, "num_nodes": 5}
SPECS = {
    "GloRe": GLORE,
    "GCU": {"type": "GCU", "num_nodes": [2, 4]},
    "GCU-residual": {"type": "GCU", "num_nodes": 3, "fusion": "residual"},
    "GINet": {"type": "GINet", "num_state": 6, "num_nodes": 5},
    "NonLocal": {"type": "NonLocal"},
    "NonLocal-pool": {"type": "NonLocal", "pool": True},
    "PPM": {"type": "PPM"},
    "ASPP": {"type": "ASPP", "rates": [2, 4]},
    "GloRe-steps": {**GLORE, "steps": 2},
    "GCU-steps": {"type": "GCU", "num_nodes": [2, 4], "steps": 3},
    "GINet-steps": {"type": "GINet", "num_state": 6, "num_nodes": 5, "steps": 2},
    "Stack": {"type": "Stack", "unit": {"type": "NonLocal", "pool": True}, "depth": 2},
    "OCR": {"type": "OCR"},
    "DANet": {"type": "DANet"},
    "CCNet": {"type": "CCNet"},
    "EMANet": {"type": "EMANet", "num_nodes": 5},
    "GCNet": {"type": "GCNet"},
    "ANN": {"type": "ANN", "bins": [1, 3]},
    "ISANet": {"type": "ISANet", "block": [4, 4]},
    "DNL": {"type": "DNL"},
    "DGCNet": {"type": "DGCNet"},
    "SpyGR": {"type": "SpyGR", "rank": 4},
    "MatchedConv": {"type": "MatchedConv", "match": {"type": "GINet", "num_state": 6, "num_nodes": 5}},
    "GlobalPool": {"type": "GlobalPool", "match": GLORE},
    "IdentityGraph": {"type": "IdentityGraph", "match": GLORE},
    "IdentityGraph-GCU": {"type": "IdentityGraph", "match": {"type": "GCU", "num_nodes": [2, 4]}},
    "ShuffledAssignment": {"type": "ShuffledAssignment", "match": GLORE, "grid": 8},
    "ShuffledAssignment-GCU": {"type": "ShuffledAssignment", "match": {"type": "GCU", "num_nodes": [2, 4]}, "grid": 8},
}
# Units that leave x exactly as it is until they have learned something.
IDENTITY_AT_INIT = [
    "GloRe-steps",
    "GINet-steps",
    "Stack",
    "DANet",
    "CCNet",
    "EMANet",
    "GCNet",
    "DNL",
    "GloRe",
    "GCU-residual",
    "GINet",
    "NonLocal",
    "NonLocal-pool",
    "MatchedConv",
    "GlobalPool",
    "IdentityGraph",
    "ShuffledAssignment",
]


def build(spec, channels: int = C, num_classes: int = 4):
    """A unit by its key in SPECS, or from a spec, as the slot would build it."""
    spec = SPECS[spec] if isinstance(spec, str) else spec
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
