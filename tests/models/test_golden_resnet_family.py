"""Logits of FCN and DeepLabV3 against torchvision's, of UNet and PSPNet against PyTorch functions from the papers."""

import json
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddleseg_lite.layers import resize
from tests.golden.formula import formula_image, formula_state
from tests.models.checks import undrawn_model
from tests.models.test_golden_vgg_family import shapes_digest

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "resnet_family.npz")
INDEX = json.loads(str(GOLDEN["index"]))


@pytest.mark.parametrize("case", list(INDEX))
def test_logits(case):
    entry = INDEX[case]
    model = undrawn_model(entry["spec"], num_classes=entry["num_classes"])
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert shapes_digest(shapes) == entry["shapes"], "the reference has other parameters"
    model.set_state_dict(formula_state(shapes, entry["gains"]))
    model.eval()
    x = paddle.to_tensor(formula_image(*entry["image"]))
    with paddle.no_grad():
        features = model.encode(x)
        outputs = model.decode(features, x)
        if "aux" in entry["steps"]:
            outputs["aux"] = model.aux_head(features[2])
        assert sorted(outputs) == sorted(entry["steps"])
        for name, step in entry["steps"].items():
            expected = GOLDEN[f"{case}.{name}"]
            assert 0.3 < expected.std() < 3.0  # O(1), so that the tolerance means something
            out = resize(outputs[name], x.shape[2:], align_corners=model.align_corners).numpy()
            np.testing.assert_allclose(out.reshape(-1)[::step], expected, rtol=0, atol=1e-4)
