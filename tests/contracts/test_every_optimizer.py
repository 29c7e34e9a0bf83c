"""The contract of an optimizer and of a schedule: it descends, obeys the recipe's keys, and resumes to the bit."""

import copy
import math

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.checkpoint.optimizer_state import collect_optimizer, restore_optimizer
from paddleseg_lite.models import build_model
from paddleseg_lite.optim import build_optimizer, build_scheduler
from paddleseg_lite.registry import OPTIMIZERS, SCHEDULERS
from tests.contracts.found import every

ITERS = 12


def fitted(spec, steps, *, net=None, optimizer=None, rate=0.02):
    """Learn a line; ``(network, optimizer, losses)``."""
    if net is None:
        net = nn.Linear(3, 2)
        rng = np.random.default_rng(0)
        for p in net.parameters():
            p.set_value(paddle.to_tensor(rng.standard_normal(p.shape).astype("float32")))
    optimizer = optimizer or build_optimizer(spec, net, rate)[0]
    x = paddle.to_tensor(np.random.default_rng(1).standard_normal((16, 3)).astype("float32"))
    losses = []
    for _ in range(steps):
        loss = ((net(x) - x[:, :2]) ** 2).mean()
        losses.append(float(loss))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    return net, optimizer, losses


@every(OPTIMIZERS)
def test_it_descends(spec):
    net, _, losses = fitted(spec, 20)
    assert losses[-1] < 0.9 * losses[0] and losses[1] < losses[0], losses
    assert all(bool(paddle.isfinite(p).all()) for p in net.parameters())


@every(OPTIMIZERS)
def test_its_state_resumes_to_the_bit(spec):
    straight, _, losses = fitted(spec, 6)
    net, optimizer, first = fitted(spec, 3)
    state = collect_optimizer(optimizer, net)
    again, _ = build_optimizer(spec, net, 0.02)
    restore_optimizer(again, net, state)
    _, _, rest = fitted(spec, 3, net=net, optimizer=again)
    assert first + rest == losses
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(straight.parameters(), net.parameters()))


@every(OPTIMIZERS)
def test_it_takes_the_keys_of_every_optimizer(spec):
    """Decay, clipping, other rates for the head, and parameters that stay as they are."""
    model = build_model({"type": "UNet", "base_channels": 2}, num_classes=2)
    frozen = next(iter(model.backbone.parameters()))
    frozen.stop_gradient = True
    kept, head = frozen.clone(), model.classifier.weight.clone()
    keys = {"weight_decay": 0.01, "head_lr_mult": 10.0, "no_bias_decay": True}
    clip = {"grad_clip": {"type": "ClipGradByGlobalNorm", "clip_norm": 1.0}}
    optimizer, _ = build_optimizer({**spec, **keys, **clip}, model, 0.1)
    model(paddle.randn([1, 3, 32, 32]))["out"].square().mean().backward()
    optimizer.step()
    assert model.classifier.weight.optimize_attr["learning_rate"] == 10.0
    assert bool((frozen == kept).all()) and bool((model.classifier.weight != head).any())


def schedule(spec, **more):
    return build_scheduler({"learning_rate": 0.1, **spec, **more}, iters=ITERS)


def rates(made, count):
    values = []
    for _ in range(count):
        values.append(made.get_lr())
        made.step()
    return values


@every(SCHEDULERS)
def test_rates_are_numbers_to_the_end_and_beyond(spec):
    assert all(math.isfinite(r) and r >= 0 for r in rates(schedule(spec), 2 * ITERS))


@every(SCHEDULERS)
def test_warm_up_is_a_line_and_the_schedule_starts_after_it(spec):
    plain = build_scheduler({"learning_rate": 0.1, **spec}, iters=ITERS - 4)
    warm = rates(schedule(spec, warmup_iters=4, warmup_start_lr=0.001), ITERS)
    np.testing.assert_allclose(warm[:4], 0.001 + (0.1 - 0.001) * np.arange(4) / 4, rtol=1e-12)
    np.testing.assert_allclose(warm[4:], rates(plain, ITERS - 4), rtol=1e-12)


@every(SCHEDULERS)
@pytest.mark.parametrize("at", [0, 2, 7])
def test_a_resumed_schedule_is_bit_equal(spec, at):
    made, resumed = schedule(spec, warmup_iters=3), schedule(spec, warmup_iters=3)
    rates(made, at)
    resumed.set_state_dict(copy.deepcopy(made.state_dict()))
    assert rates(resumed, ITERS - at) == rates(made, ITERS - at)


@every(SCHEDULERS)
def test_the_optimizer_follows_it(spec):
    written = {"learning_rate": 0.1, **spec}
    optimizer, made = build_optimizer("SGD", nn.Linear(1, 1), written, iters=ITERS)
    for expected in rates(schedule(spec), ITERS):
        assert optimizer.get_lr() == pytest.approx(expected, rel=1e-9)
        made.step()
