"""Small networks trained with and without acceleration."""

import paddle
import paddle.nn.functional as F
import pytest
from accel_helpers import relative
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.accel import functions
from paddleseg_lite.layers import freeze_bn
from paddleseg_lite.models import build_model
from paddleseg_lite.runtime import seed_everything

SMALL = {"type": "ResNet18", "width": 0.25}
NETWORKS = {
    "UNet": {"type": "UNet", "base_channels": 8},
    "UNet-bilinear": {"type": "UNet", "base_channels": 8, "style": "bilinear"},
    "ENet": {"type": "ENet", "style": "paddleseg"},
    "SegNet": {"type": "SegNet", "width": 0.125},
    "DeepLabV3P": {"type": "DeepLabV3P", "backbone": {**SMALL, "output_stride": 8}},
    "PSPNet": {"type": "PSPNet", "backbone": SMALL},
    "GloRe": {"type": "GloRe", "backbone": SMALL},
}


def train(spec, mode, *, steps=2, size=(32, 48)):
    """Losses of a few steps from the same start; and the final weights."""
    seed_everything(0)
    net = build_model(spec, num_classes=4)
    x, y = paddle.randn([2, 3, *size]), paddle.randint(0, 4, [2, *size])
    for layer in net.sublayers():
        if type(layer).__name__.startswith("Dropout"):
            layer.p = 0.0
    optimizer = paddle.optimizer.Momentum(0.01, parameters=net.parameters())
    accel.enable(net, mode)
    losses = []
    for _ in range(steps):
        outputs = net(x)
        loss = sum(F.cross_entropy(v, y, axis=1) for v in outputs.values() if v.ndim == 4)
        loss.backward()
        assert all(p.grad is not None for p in net.parameters() if not p.stop_gradient)
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    accel.disable(net)
    return losses, {name: value.numpy() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_losses_are_paddles(name):
    theirs, ours = (train(NETWORKS[name], mode)[0] for mode in ("off", "fp32"))
    assert max(abs(a - b) / b for a, b in zip(ours, theirs)) < 5e-3, (ours, theirs)
    assert abs(ours[0] - theirs[0]) < 1e-4 * theirs[0]


def test_two_trainings_are_equal_to_the_last_bit(math):
    (losses, weights), (again, weights_again) = (train(NETWORKS["DeepLabV3P"], math) for _ in range(2))
    assert losses == again and all((weights[name] == weights_again[name]).all() for name in weights)


def test_bf16_learns_as_fp32_does(math):
    losses, _ = train(NETWORKS["UNet"], math, steps=8, size=(32, 48))
    reference, _ = train(NETWORKS["UNet"], "off", steps=8, size=(32, 48))
    assert losses[-1] < losses[0] and abs(losses[-1] - reference[-1]) < 0.02 * reference[-1]


@pytest.mark.parametrize("name", ["UNet", "DeepLabV3P", "PSPNet"])
def test_gradients_of_a_smooth_network(name, monkeypatch):
    """Nothing amplifies rounding here (softplus for ReLU, frozen statistics), so a tight bound holds end to end."""
    net, x = build_model(NETWORKS[name], num_classes=4), paddle.randn([1, 3, 45, 67])
    freeze_bn(net, affine=False)
    monkeypatch.setattr(F, "relu", F.softplus)
    monkeypatch.setattr(functions.Functions, "relu", lambda *_: None)
    monkeypatch.setattr(functions, "relu", None)  # which sums are fused with
    for layer in net.sublayers():
        if isinstance(getattr(layer, "act", None), nn.ReLU):
            layer.act = nn.Softplus()
        if type(layer).__name__.startswith("Dropout"):
            layer.p = 0.0
    grads = {}
    for mode in ("off", "fp32"):
        accel.enable(net, mode)
        net(x)["out"].square().mean().backward()
        grads[mode] = {n: p.grad.numpy() for n, p in net.named_parameters() if p.grad is not None}
        net.clear_gradients()
        accel.disable(net)
    assert grads["off"].keys() == grads["fp32"].keys()
    assert max(relative(grads["fp32"][n], g) for n, g in grads["off"].items()) < 1e-4
