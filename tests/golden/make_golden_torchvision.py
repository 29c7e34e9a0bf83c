"""Names, shapes and reference outputs of torchvision's networks, for the converter.

Run from the repository's root where torch and torchvision are installed (Paddle
is not needed):

    python -m tests.golden.make_golden_torchvision

torchvision's own classes, filled with formula.py's numbers under torchvision's own
names. Writes ``torchvision.npz`` as make_golden_paddleseg.py does ``paddleseg.npz``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.golden.formula import formula_image, formula_state
from tests.golden.samples import Samples

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
    samples = Samples(CLASSES, GAINS)
    for name, network in CASES.items():
        model = worker().Torch(network)
        shapes = {k: list(v.shape) for k, v in model.state().items()}
        state = formula_state({k: s for k, s in shapes.items() if s}, GAINS)
        model.fill({k: state.get(k, v) for k, v in model.state().items()})
        x = formula_image(*IMAGE)
        outputs = {"eval": model.outputs(x, "eval")[:1], "heads": model.outputs(x, "heads")}
        samples.add(name, outputs, network=network, image=IMAGE, trainable=model.counts["trainable"], shapes=shapes)
    samples.save("torchvision.npz")


if __name__ == "__main__":
    main()
