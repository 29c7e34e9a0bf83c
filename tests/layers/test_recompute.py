"""The same training, with less kept for the backward pass."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.layers import BatchNorm, recompute_blocks, run
from paddleseg_lite.models import build_model

RESNET = {"type": "ResNet18", "width": 0.125}
NETWORKS = {
    "UNet": {"type": "UNet", "base_channels": 4, "dropout": 0.5},
    "ENet": {"type": "ENet", "width": 0.25},
    "DeepLabV3": {"type": "DeepLabV3", "backbone": RESNET, "aspp_channels": 8, "aux": True},
    "FCN on VGG": {"type": "FCN32s", "backbone": "VGG16BN", "padding_mode": "same", "width": 0.0625},
    "PSPNet on MobileNet": {"type": "PSPNet", "backbone": {"type": "MobileNetV1", "width": 0.125}},
}


def trained(spec, recompute: bool, mode: str):
    """State and losses after two steps."""
    paddle.seed(1)
    model = build_model({**spec, "num_classes": 3})
    accel.enable(model, mode)
    marked = recompute_blocks(model) if recompute else 0
    optimizer = paddle.optimizer.Momentum(0.05, parameters=model.parameters())
    x, y = paddle.randn([2, 3, 64, 64]), paddle.randint(0, 3, [2, 64, 64])
    losses = []
    for _ in range(2):
        loss = sum(nn.functional.cross_entropy(out, y, axis=1) for out in model(x).values())
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    return losses, {name: value.numpy() for name, value in model.state_dict().items()}, marked


@pytest.mark.parametrize("mode", ["off", "fp32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_the_same(name, mode):
    losses, state, _ = trained(NETWORKS[name], False, mode)
    again, state_again, marked = trained(NETWORKS[name], True, mode)
    assert marked and again == pytest.approx(losses, rel=1e-6)
    for key, value in state.items():  # dropout drew the same, running statistics moved once
        np.testing.assert_allclose(state_again[key], value, rtol=1e-4, atol=1e-6, err_msg=key)


class Watched(nn.Layer):
    """Counts what runs, and what is kept of it."""

    def __init__(self):
        super().__init__()
        self.inner, self.norm, self.runs = nn.Conv2D(3, 4, 1), BatchNorm(4), []

    def forward(self, x):
        self.runs.append(paddle.is_grad_enabled())
        return self.norm(self.inner(x))


def test_a_block_runs_without_gradients_and_again_when_they_are_due():
    block, x = Watched(), paddle.randn([2, 3, 4, 4])
    block.blocks_to_recompute = lambda: [block]
    assert recompute_blocks(block) == 1
    y = run(block, x)
    assert block.runs == [False]
    moved = block.norm._mean.numpy().copy()
    y.sum().backward()
    assert block.runs == [False, True] and block.inner.weight.grad is not None
    assert (block.norm._mean.numpy() == moved).all() and np.abs(moved).max() > 0
    block.eval()
    run(block, x)
    assert block.runs[2:] == [True]  # nothing is due in eval mode
