"""Logits of FCN, SegNet, ENet, DeepLab V1 and V2 against PyTorch functions written after the papers."""

import json
import zlib
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_lite.models import build_model
from tests.golden.formula import formula_image, formula_state

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "vgg_family.npz")
INDEX = json.loads(str(GOLDEN["index"]))


def shapes_digest(shapes):
    return zlib.crc32(json.dumps(sorted([name, list(map(int, shape))] for name, shape in shapes.items())).encode())


@pytest.mark.parametrize("case", list(INDEX))
def test_logits(case):
    entry = INDEX[case]
    model = build_model(entry["spec"], num_classes=entry["num_classes"])
    # FCN's deconvolutions stay bilinear on both sides.
    shapes = {k: v.shape for k, v in model.state_dict().items() if not k.startswith("upscores.")}
    assert shapes_digest(shapes) == entry["shapes"], "the reference has other parameters"
    model.set_state_dict({**model.state_dict(), **formula_state(shapes, entry["gains"])})
    model.eval()
    with paddle.no_grad():
        out = model(paddle.to_tensor(formula_image(*entry["image"])))["out"].numpy()
    expected = GOLDEN[case]
    assert 0.3 < expected.std() < 3.0  # O(1), so that the tolerance means something
    np.testing.assert_allclose(out.reshape(-1)[:: entry["step"]], expected, rtol=0, atol=1e-4)
