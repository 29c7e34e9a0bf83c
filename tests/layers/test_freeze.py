"""A recipe's ``freeze``: parts that get no gradient and keep their running statistics."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.layers import freeze
from paddleseg_lite.models import build_model


def network():
    return build_model({"type": "UNet", "base_channels": 4}, num_classes=3)


def changed(model):
    """Names of what a step changes, statistics included."""
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    trained = [p for p in model.parameters() if not p.stop_gradient]
    optimizer = paddle.optimizer.SGD(0.1, parameters=trained)
    model.train()
    model(paddle.randn([2, 3, 32, 32]) + 3)["out"].square().mean().backward()
    optimizer.step()
    return {name for name, value in model.state_dict().items() if not np.array_equal(before[name], value.numpy())}


def test_a_frozen_backbone_keeps_weights_and_statistics():
    free, model = changed(network()), network()
    assert any(name.startswith("backbone.") and name.endswith("._mean") for name in free)
    count = freeze(model, "backbone")
    moved = changed(model)
    assert count > 10 and moved and not [name for name in moved if name.startswith("backbone.")]
    assert moved == {name for name in free if not name.startswith("backbone.")}


def test_parts_by_name():
    model = network()
    part = next(name for name, _ in model.named_sublayers() if name.count(".") == 2)
    freeze(model, [part])
    assert not [name for name in changed(model) if name.startswith(f"{part}.")]
    assert freeze(network(), None) == 0 == freeze(network(), [])


def test_what_cannot_be_frozen_is_said():
    with pytest.raises(
        ConfigError, match=r"UNet has no part 'backbne'. Did you mean 'backbone'\? Its parts are backbone"
    ):
        freeze(network(), "backbne")
    with pytest.raises(ConfigError, match=r"no part '3'"):
        freeze(network(), [3])
    model = network()
    with pytest.raises(ConfigError, match="is all of UNet: nothing is left to train"):
        freeze(model, [name for name, _ in model.named_children()])
