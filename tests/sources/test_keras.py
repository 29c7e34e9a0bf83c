"""The course's two Keras networks, ``faithful``, against Keras itself (tests/sources/make_keras.py)."""

import json
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_lite.models import build_model
from tests.golden.formula import formula_image, formula_state

GOLDEN = np.load(Path(__file__).with_name("keras.npz"))
INDEX = json.loads(str(GOLDEN["index"]))


def filled(case, **change):
    """The network with the formula's weights, in eval mode; its logits at their own resolution."""
    entry = INDEX[case]
    model = build_model({**entry["spec"], **change}, num_classes=entry["num_classes"])
    shapes = {k: v.shape for k, v in model.state_dict().items()}
    model.set_state_dict(formula_state(shapes, entry["gains"]))
    model.eval()
    x = paddle.to_tensor(formula_image(*entry["image"]))
    with paddle.no_grad():
        logits = model.decode(model.encode(x), x)["out"]
    return model, logits.numpy(), entry


@pytest.mark.parametrize("case", list(INDEX))
def test_faithful_networks_are_kerass(case):
    change = {"native_output": True} if case == "mobilenet_pspnet" else {}
    model, logits, entry = filled(case, **change)
    assert sum(int(p.size) for p in model.parameters() if not p.stop_gradient) == entry["parameters"]
    assert list(logits.shape) == entry["shape"]
    expected = GOLDEN[case]
    assert 0.3 < expected.std() < 3.0  # O(1), so that the tolerance means something
    difference = np.abs(logits.reshape(-1)[:: entry["step"]] - expected).max()
    print(case, difference)
    assert difference < 1e-5
