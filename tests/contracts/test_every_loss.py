"""The contract of a loss: a finite number, its gradient, and pixels that do not count."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.errors import UserError
from paddleseg_lite.losses import build_criterion
from paddleseg_lite.registry import LOSSES
from tests.contracts.found import every, specs

K = 3


def build(spec):
    """As a recipe builds it."""
    return LOSSES.build(spec, offered={"num_classes": K, "ignore_index": 255})


SPECS = specs(LOSSES)
OF_MAPS = {name: spec for name, spec in SPECS.items() if build(spec).output_ndim == 4}
every_loss_of_maps = pytest.mark.parametrize("spec", list(OF_MAPS.values()), ids=list(OF_MAPS))


def sample(loss, n=2, size=(4, 4), seed=0, ignored=0.2):
    """Logits of the shape that the loss takes, and labels a fifth of which count for nothing."""
    rng = np.random.default_rng(seed)
    shape = (n, K, *size) if loss.output_ndim == 4 else (n, K)
    label = rng.integers(0, K, (n, *size))
    label[rng.random(label.shape) < ignored] = 255
    return (2.0 * rng.standard_normal(shape)).astype("float32"), label


def value(loss, z, y):
    return float(loss(paddle.to_tensor(z), paddle.to_tensor(y)))


def value_and_gradient(loss, z, y):
    x = paddle.to_tensor(z, stop_gradient=False)
    out = loss(x, paddle.to_tensor(y))
    assert out.ndim == 0
    out.backward()
    return float(out), x.grad.numpy()


@every(LOSSES)
def test_gradient_agrees_with_finite_differences(spec):
    loss = build(spec)
    z, y = sample(loss)
    _, gradient = value_and_gradient(loss, z, y)
    assert np.abs(gradient).max() > 0
    rng = np.random.default_rng(1)
    for _ in range(4):
        direction = rng.standard_normal(z.shape).astype("float32")
        h = 5e-4  # small, so that no pixel crosses a selection boundary
        slope = (value(loss, z + h * direction, y) - value(loss, z - h * direction, y)) / (2 * h)
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=0.02, abs=2e-3)


@every_loss_of_maps
def test_ignored_pixels_have_no_gradient_and_no_influence(spec):
    loss = build(spec)
    z, y = sample(loss)
    before, gradient = value_and_gradient(loss, z, y)
    hidden = np.broadcast_to((y == 255)[:, None], z.shape)
    assert hidden.any() and np.abs(gradient[~hidden]).max() > 0
    assert np.abs(gradient[hidden]).max() == 0
    assert value(loss, np.where(hidden, 7.0 - z, z), y) == pytest.approx(before, rel=1e-6)


@every_loss_of_maps
def test_all_ignored_gives_zero_and_zero_gradient(spec):
    loss = build(spec)
    z, y = sample(loss)
    out, gradient = value_and_gradient(loss, z, np.full_like(y, 255))
    assert out == 0.0
    assert np.array_equal(gradient, np.zeros_like(gradient))


@every(LOSSES)
def test_extreme_logits_stay_finite(spec):
    loss = build(spec)
    z, y = sample(loss)
    for extreme in (np.sign(z) * np.float32(1e4), np.full_like(z, -1e4), np.full_like(z, 1e4)):
        out, gradient = value_and_gradient(loss, extreme, y)
        assert np.isfinite(out) and np.isfinite(gradient).all()


@every(LOSSES)
def test_the_truth_costs_less_than_its_opposite(spec):
    loss = build(spec)
    _, y = sample(loss)
    if loss.output_ndim == 4:
        truth = np.arange(K)[None, :, None, None] == y[:, None]
    else:
        truth = np.stack([[(image == k).any() for k in range(K)] for image in y])
        truth[:, 0], y[y == 0] = False, 1  # all classes in every image would leave no opposite
    good = (10.0 * (2.0 * truth - 1.0)).astype("float32")
    assert value(loss, good, y) < value(loss, -good, y)


@every(LOSSES)
def test_wrong_shapes_are_named(spec):
    loss = build(spec)
    z, y = sample(loss)
    with pytest.raises((ValueError, UserError), match=rf"\[{', '.join(map(str, z.shape))}\]"):
        loss(paddle.to_tensor(z), paddle.to_tensor(y[:, :3] if z.ndim == 4 else y[0]))


@every(LOSSES)
def test_a_recipe_finds_it_by_name(spec):
    """Beside another output's, with a factor, at a size of the network's own."""
    criterion = build_criterion({"out": "CrossEntropyLoss", "extra": {**spec, "label_fit": "resize"}}, num_classes=K)
    loss = criterion.entries["extra"].loss
    assert type(loss) is LOSSES.get(spec["type"])
    shape = [2, K, 4, 4] if loss.output_ndim == 4 else [2, K]
    extra = paddle.randn(shape)
    extra.stop_gradient = False
    batch = {"label": paddle.randint(0, K, [2, 8, 8])}
    total, parts = criterion({"out": paddle.randn([2, K, 8, 8]), "extra": extra}, batch)
    assert set(parts) == {"out", "extra"}
    total.backward()
    assert float(extra.grad.abs().max()) > 0
