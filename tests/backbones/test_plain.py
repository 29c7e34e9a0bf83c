"""The small backbone: shapes, and its reach measured by gradients."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.backbones.plain import PlainCNN
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model


def test_shapes():
    backbone = PlainCNN(in_channels=4)
    maps = backbone(paddle.rand([2, 4, 33, 47]))
    assert [m.shape[1:] for m in maps] == [[24, 17, 24], [48, 9, 12], [48, 9, 12]]
    assert backbone.out_channels == [24, 48, 48] and backbone.strides == [2, 4, 4] and backbone.receptive_field == 15


@pytest.mark.parametrize("strides", [(2, 2, 1), (2, 1), (2, 1, 2, 1), (1,)])
def test_reach_is_what_gradients_show(strides):
    spec = {"type": "PlainCNN", "widths": [4] * len(strides), "strides": list(strides)}
    aux = {"type": "FCN", "style": "paddleseg", "backbone": spec}
    model = build_model(aux, num_classes=2)
    model.eval()
    x = paddle.rand([1, 3, 48, 48])
    x.stop_gradient = False
    farthest = 0
    for p in range(20, 28):
        (gradient,) = paddle.grad(model(x)["out"][0, :, p, p].sum(), x)
        seen = np.argwhere(gradient.numpy()[0].any(0))
        farthest = max(farthest, int(np.abs(seen - p).max()))
    assert farthest == model.backbone.reach()


def test_widths_and_strides_must_pair():
    with pytest.raises(ConfigError, match="as many strides as widths"):
        PlainCNN(widths=[8, 8])
