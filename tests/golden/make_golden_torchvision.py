"""Names, shapes and reference outputs of torchvision's networks, for the converter.

Run from the repository's root where torch and torchvision are installed (Paddle
is not needed):

    python -m tests.golden.make_golden_torchvision

torchvision's own classes, filled with formula.py's numbers under torchvision's own
names. Writes ``torchvision.npz`` as make_golden_paddleseg.py does ``paddleseg.npz``.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

from tests.golden.formula import formula_image, formula_state

SAMPLES = 300
CLASSES = 5
GAINS = {r"\.bn3\.weight": 0.3, r"layer\d\.\d\.bn2\.weight": 0.6, r"classifier\.4\.weight$": 0.3}
IMAGE = [2, 3, 65, 65]
CASES = {
    "fcn": {"type": "fcn_resnet50", "num_classes": CLASSES, "aux_loss": True},
    "deeplabv3": {"type": "deeplabv3_resnet50", "num_classes": CLASSES, "aux_loss": True},
    "resnet18": {"type": "resnet18", "num_classes": CLASSES},
}


def worker():
    """``origin_outputs.py`` as a file: its package needs Paddle."""
    path = Path(__file__).parents[2] / "paddleseg_lite" / "interop" / "origin_outputs.py"
    spec = importlib.util.spec_from_file_location("origin_outputs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    arrays, index = {}, {}
    for name, network in CASES.items():
        model = worker().Torch(network)
        shapes = {k: list(v.shape) for k, v in model.state().items()}
        state = formula_state({k: s for k, s in shapes.items() if s}, GAINS)
        model.fill({k: state.get(k, v) for k, v in model.state().items()})
        steps = {}
        for mode in ("eval", "heads"):
            values = model.outputs(formula_image(*IMAGE), mode)
            for i, value in enumerate(values[:1] if mode == "eval" else values):
                key = f"{mode}_{i}"
                steps[key] = max(1, value.size // SAMPLES)
                arrays[f"{name}.{key}"] = value.reshape(-1)[:: steps[key]]
                print(f"{name:12s} {key:8s} mean {value.mean():8.3f} std {value.std():8.3f}")
        index[name] = {
            "network": network, "image": IMAGE, "steps": steps, "trainable": model.counts["trainable"],
            "shapes": shapes,
        }
    path = Path(__file__).with_name("torchvision.npz")
    text = np.frombuffer(json.dumps({"classes": CLASSES, "gains": GAINS, "cases": index}).encode(), np.uint8)
    np.savez_compressed(path, index=text, **arrays)
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
