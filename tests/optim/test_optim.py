"""Optimizers against their update rules in NumPy; schedules against their formulas."""

from __future__ import annotations

import copy
import math

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import UNet
from paddleseg_lite.optim.optimizers import build_optimizer
from paddleseg_lite.optim.schedules import build_scheduler


class Net(nn.Layer):
    """A backbone and a head, as :class:`Segmentor` divides its parameters."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(2, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.backbone(x))

    def parameter_groups(self, *, head_lr_mult, head_bias_lr_mult=None):
        bias = head_lr_mult if head_bias_lr_mult is None else head_bias_lr_mult
        return [
            {"params": self.backbone.parameters(), "learning_rate": 1.0},
            {"params": [self.head.weight], "learning_rate": head_lr_mult},
            {"params": [self.head.bias], "learning_rate": bias},
        ]


def snapshot(net):
    return {name: p.numpy().astype("float64") for name, p in net.named_parameters()}


def steps(net, optimizer, count=3):
    """Take steps on fixed gradients; returns the gradients of each step."""
    history = []
    rng = np.random.default_rng(0)
    for _ in range(count):
        x = paddle.to_tensor(rng.standard_normal((4, 2)).astype("float32"))
        (net(x) ** 2).sum().backward()
        history.append({name: p.grad.numpy().astype("float64") for name, p in net.named_parameters()})
        optimizer.step()
        optimizer.clear_grad()
    return history


def fresh(seed=0):
    paddle.seed(seed)
    net = Net()
    for p in net.parameters():
        p.set_value(paddle.to_tensor(np.random.default_rng(p.size).standard_normal(p.shape).astype("float32")))
    return net


def momentum_rule(start, history, *, lr, momentum, decay, nesterov=False):
    """Paddle's momentum: ``v <- mu v + g + wd w; w <- w - lr v``."""
    weights, velocity = dict(start), dict.fromkeys(start, 0.0)
    for gradients in history:
        for k, g in gradients.items():
            g = g + decay.get(k, 0.0) * weights[k]
            velocity[k] = momentum * velocity[k] + g
            weights[k] = weights[k] - lr[k] * (g + momentum * velocity[k] if nesterov else velocity[k])
    return weights


def assert_same(net, expected):
    for name, p in net.named_parameters():
        np.testing.assert_allclose(p.numpy(), expected[name], rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_with_decay_and_multipliers(nesterov):
    net = fresh()
    start = snapshot(net)
    spec = {
        "type": "Momentum",
        "weight_decay": 0.05,
        "use_nesterov": nesterov,
        "head_lr_mult": 10,
        "head_bias_lr_mult": 20,
        "no_bias_decay": True,
    }
    optimizer, _ = build_optimizer(spec, net, 1e-3)
    history = steps(net, optimizer)
    lr = {"backbone.weight": 1e-3, "backbone.bias": 1e-3, "head.weight": 1e-2, "head.bias": 2e-2}
    decay = {"backbone.weight": 0.05, "head.weight": 0.05}
    assert_same(net, momentum_rule(start, history, lr=lr, momentum=0.9, decay=decay, nesterov=nesterov))


@pytest.mark.parametrize(("kind", "momentum"), [("SGD", 0.0), ("sgd", 0.0), ("sgd", 0.8)])
def test_sgd_is_plain_unless_told_a_momentum(kind, momentum):
    net = fresh()
    start = snapshot(net)
    spec = {"type": kind, "weight_decay": 0.1, **({"momentum": momentum} if momentum else {})}
    optimizer, _ = build_optimizer(spec, net, 1e-3)
    history = steps(net, optimizer)
    rule = momentum_rule(
        start, history, lr=dict.fromkeys(start, 1e-3), momentum=momentum, decay=dict.fromkeys(start, 0.1)
    )
    assert_same(net, rule)


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
def test_adam_couples_and_adamw_decouples_the_decay(kind):
    net = fresh()
    weights = snapshot(net)
    spec = {"type": kind, "weight_decay": 0.1, "no_bias_decay": True, "head_lr_mult": 3, "beta1": 0.8}
    optimizer, _ = build_optimizer(spec, net, 1e-2)
    history = steps(net, optimizer)
    m, v = dict.fromkeys(weights, 0.0), dict.fromkeys(weights, 0.0)
    for t, gradients in enumerate(history, 1):
        for k, g in gradients.items():
            lr = 3e-2 if k.startswith("head") else 1e-2
            decay = 0.0 if k.endswith("bias") else 0.1
            if kind == "Adam":
                g = g + decay * weights[k]
            else:
                weights[k] = weights[k] * (1 - lr * decay)
            m[k], v[k] = 0.8 * m[k] + 0.2 * g, 0.999 * v[k] + 0.001 * g**2
            weights[k] = weights[k] - lr * (m[k] / (1 - 0.8**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
    assert_same(net, weights)


@pytest.mark.parametrize("kind", ["AdamW", "Adam", "Momentum"])
def test_null_is_no_weight_decay(kind):
    nets = [fresh(), fresh()]
    for net, decay in zip(nets, (None, 0.0)):
        steps(net, build_optimizer({"type": kind, "weight_decay": decay}, net, 1e-2)[0])
    assert_same(nets[0], snapshot(nets[1]))


def test_rmsprop():
    net = fresh()
    weights = snapshot(net)
    optimizer, _ = build_optimizer({"type": "RMSProp", "rho": 0.9}, net, 1e-2)
    history = steps(net, optimizer)
    square = dict.fromkeys(weights, 0.0)
    for gradients in history:
        for k, g in gradients.items():
            square[k] = 0.9 * square[k] + 0.1 * g**2
            weights[k] = weights[k] - 1e-2 * g / np.sqrt(square[k] + 1e-6)
    assert_same(net, weights)


@pytest.mark.parametrize("key", ["grad_clip", "grad_clip_cfg"])
def test_the_global_norm_is_global_whatever_the_multipliers(key):
    net = fresh()
    start = snapshot(net)
    kind = {"type" if key == "grad_clip" else "name": "ClipGradByGlobalNorm", "clip_norm": 0.5}
    optimizer, _ = build_optimizer({"type": "SGD", "head_lr_mult": 10, key: kind}, net, 1.0)
    (gradients,) = steps(net, optimizer, 1)
    norm = math.sqrt(sum((g**2).sum() for g in gradients.values()))
    assert norm > 0.5
    rate = {k: 10.0 if k.startswith("head") else 1.0 for k in start}
    assert_same(net, {k: start[k] - rate[k] * g * 0.5 / norm for k, g in gradients.items()})


@pytest.mark.parametrize(
    ("clip", "rule"),
    [
        ({"type": "ClipGradByNorm", "clip_norm": 0.5}, lambda g: g * min(1.0, 0.5 / np.sqrt((g**2).sum()))),
        ({"type": "ClipGradByValue", "max": 0.5}, lambda g: g.clip(-0.5, 0.5)),
        ({"type": "ClipGradByValue", "max": 0.5, "min": -0.1}, lambda g: g.clip(-0.1, 0.5)),
    ],
)
def test_other_clips(clip, rule):
    net = fresh()
    start = snapshot(net)
    optimizer, _ = build_optimizer({"type": "SGD", "grad_clip": clip}, net, 1.0)
    (gradients,) = steps(net, optimizer, 1)
    assert_same(net, {k: start[k] - rule(g) for k, g in gradients.items()})


def test_custom_cfg_takes_the_first_match():
    net = fresh()
    start = snapshot(net)
    custom = [{"name": "head.bias", "lr_mult": 5, "weight_decay_mult": 0.5}, {"name": "head", "lr_mult": 2.0}]
    optimizer, _ = build_optimizer({"type": "sgd", "weight_decay": 0.1, "custom_cfg": custom}, net, 1e-2)
    history = steps(net, optimizer)
    lr = {"backbone.weight": 1e-2, "backbone.bias": 1e-2, "head.weight": 2e-2, "head.bias": 5e-2}
    decay = {"backbone.weight": 0.1, "backbone.bias": 0.1, "head.weight": 0.1, "head.bias": 0.05}
    assert_same(net, momentum_rule(start, history, lr=lr, momentum=0.0, decay=decay))
    with pytest.raises(ConfigError, match="'bakbone' matches no parameter"):
        build_optimizer({"type": "sgd", "custom_cfg": [{"name": "bakbone"}]}, net, 0.1)
    with pytest.raises(ConfigError, match="custom_cfg entries"):
        build_optimizer({"type": "sgd", "custom_cfg": [{"name": "head", "lr_mul": 2}]}, net, 0.1)


def test_building_again_forgets_former_multipliers():
    net = fresh()
    build_optimizer({"type": "sgd", "head_lr_mult": 10, "no_bias_decay": True, "weight_decay": 0.1}, net, 1e-2)
    start = snapshot(net)
    optimizer, _ = build_optimizer({"type": "sgd", "weight_decay": 0.1}, net, 1e-2)
    history = steps(net, optimizer)
    rule = momentum_rule(start, history, lr=dict.fromkeys(start, 1e-2), momentum=0, decay=dict.fromkeys(start, 0.1))
    assert_same(net, rule)


def test_frozen_parameters_are_left_out():
    net = fresh()
    for p in net.backbone.parameters():
        p.stop_gradient = True
    start = snapshot(net)
    optimizer, _ = build_optimizer({"type": "Momentum", "weight_decay": 0.1}, net, 0.1)
    (net(paddle.ones([1, 2])) ** 2).sum().backward()
    optimizer.step()
    assert np.array_equal(net.backbone.weight.numpy(), start["backbone.weight"].astype("float32"))
    assert not np.allclose(net.head.weight.numpy(), start["head.weight"])
    for p in net.parameters():
        p.stop_gradient = True
    with pytest.raises(ConfigError, match="no trainable parameter"):
        build_optimizer({"type": "sgd"}, net, 0.1)


def test_a_segmentor_tells_its_head():
    model = UNet(num_classes=2, base_channels=2)
    spec = {"type": "sgd", "head_lr_mult": 10.0, "head_bias_lr_mult": 20.0}
    build_optimizer(spec, model, 0.1)
    rates = {name: p.optimize_attr["learning_rate"] for name, p in model.named_parameters()}
    assert rates["backbone.stages.0.0.conv.weight"] == 1.0
    assert rates["classifier.weight"] == 10.0 and rates["classifier.bias"] == 20.0
    with pytest.raises(ConfigError, match="head_lr_mult"):
        build_optimizer(spec, nn.Linear(1, 1), 0.1)


def test_unknown_names_give_the_nearest():
    for spec, message in (
        ({"type": "Momentun"}, "Did you mean 'momentum'"),
        ({"type": "sgd", "weight_deacy": 0.1}, "Did you mean 'weight_decay'"),
        ({"type": "sgd", "grad_clip": {"type": "ClipGradByGlobalNorn", "clip_norm": 1}}, "ClipGradByGlobalNorm"),
        ({"type": "sgd", "grad_clip": {"type": "ClipGradByNorm"}}, "needs the argument clip_norm"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_optimizer(spec, fresh(), 0.1)


# -- schedules ---------------------------------------------------------------------------------------------


def rates(spec, iters, count=None):
    schedule = build_scheduler(spec, iters=iters)
    values = []
    for _ in range(count or iters + 1):
        values.append(schedule.get_lr())
        schedule.step()
    return np.array(values)


IT = np.arange(41)
FORMULAS = {
    "poly": ({"type": "PolynomialDecay", "learning_rate": 0.01}, 0.01 * (1 - IT / 40) ** 0.9),
    "poly_end": (
        {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0.001, "power": 2.0, "decay_steps": 20},
        0.009 * (1 - np.minimum(IT, 20) / 20) ** 2 + 0.001,
    ),
    "poly_cycle": (
        {"type": "PolynomialDecay", "learning_rate": 0.01, "power": 1.0, "decay_steps": 20, "cycle": True},
        0.01 * (1 - IT / np.where(IT <= 20, 20, 40)),
    ),
    "cosine": (
        {"type": "CosineAnnealingDecay", "learning_rate": 0.1, "eta_min": 0.02},
        0.02 + 0.08 * (1 + np.cos(np.pi * IT / 40)) / 2,
    ),
    "step": ({"type": "StepDecay", "learning_rate": 0.1, "step_size": 15, "gamma": 0.5}, 0.1 * 0.5 ** (IT // 15)),
    "multistep": (
        {"type": "MultiStepDecay", "learning_rate": 0.1, "milestones": [10, 30]},
        0.1 * 0.1 ** ((IT >= 10).astype(int) + (IT >= 30)),
    ),
    "piecewise": (
        {"type": "PiecewiseDecay", "boundaries": [10, 30], "values": [0.1, 0.05, 0.2]},
        np.where(IT < 10, 0.1, np.where(IT < 30, 0.05, 0.2)),
    ),
    "exponential": ({"type": "ExponentialDecay", "learning_rate": 0.1, "gamma": 0.9}, 0.1 * 0.9**IT),
    "constant": ({"type": "Constant", "learning_rate": 0.1}, np.full(41, 0.1)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_schedule_follows_its_formula(name):
    spec, expected = FORMULAS[name]
    np.testing.assert_allclose(rates(spec, 40), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", FORMULAS)
def test_warm_up_is_a_line_and_the_formula_starts_after_it(name):
    spec, _ = FORMULAS[name]
    warm = rates({**spec, "warmup_iters": 8, "warmup_start_lr": 1e-3}, 48)
    base = spec.get("learning_rate", 0.1)
    np.testing.assert_allclose(warm[:8], 1e-3 + (base - 1e-3) * np.arange(8) / 8, rtol=1e-12)
    np.testing.assert_allclose(warm[8:], rates(spec, 40), rtol=1e-12)


def test_schedules_agree_with_paddles_own():
    lr = paddle.optimizer.lr
    pairs = [
        (FORMULAS["poly_end"][0], lr.PolynomialDecay(0.01, 20, end_lr=0.001, power=2.0)),
        (FORMULAS["poly_cycle"][0], lr.PolynomialDecay(0.01, 20, end_lr=0.0, power=1.0, cycle=True)),
        (FORMULAS["step"][0], lr.StepDecay(0.1, 15, gamma=0.5)),
        (FORMULAS["multistep"][0], lr.MultiStepDecay(0.1, [10, 30])),
        (FORMULAS["piecewise"][0], lr.PiecewiseDecay([10, 30], [0.1, 0.05, 0.2])),
        (FORMULAS["cosine"][0], lr.CosineAnnealingDecay(0.1, 40, eta_min=0.02)),
    ]
    for spec, theirs in pairs:
        values = []
        for _ in range(41):
            values.append(theirs())
            theirs.step()
        np.testing.assert_allclose(rates(spec, 40), values, rtol=1e-9, atol=1e-12, err_msg=spec["type"])
    warm = lr.LinearWarmup(lr.PolynomialDecay(0.01, 32, end_lr=0.0, power=0.9), 8, 1e-3, 0.01)
    ours = build_scheduler({**FORMULAS["poly"][0], "warmup_iters": 8, "warmup_start_lr": 1e-3}, iters=40)
    for _ in range(41):
        assert ours() == pytest.approx(warm(), rel=1e-9, abs=1e-12)
        ours.step()
        warm.step()


def test_resumed_schedule_is_bit_equal():
    spec = {**FORMULAS["poly"][0], "warmup_iters": 5}
    schedule = build_scheduler(spec, iters=40)
    for _ in range(17):
        schedule.step()
    state = copy.deepcopy(schedule.state_dict())
    resumed = build_scheduler(spec, iters=40)
    resumed.set_state_dict(state)
    for _ in range(10):
        assert resumed() == schedule()
        resumed.step()
        schedule.step()


def test_optimizer_follows_the_schedule():
    net = fresh()
    optimizer, schedule = build_optimizer({"type": "sgd"}, net, FORMULAS["poly"][0], iters=40)
    for it in range(3):
        assert optimizer.get_lr() == pytest.approx(0.01 * (1 - it / 40) ** 0.9)
        schedule.step()


def test_messages_of_bad_schedules():
    for spec, message in (
        ({"type": "PolyDecay", "learning_rate": 0.1}, "Did you mean 'PolynomialDecay'"),
        ({"type": "PolynomialDecay", "learning_rate": 0.1, "endlr": 0}, "Did you mean 'end_lr'"),
        ({"type": "PolynomialDecay"}, "needs the argument learning_rate"),
        ({"type": "PolynomialDecay", "learning_rate": -1.0}, "not negative"),
        ({"type": "PolynomialDecay", "learning_rate": 0.1, "power": 0}, "power"),
        ({"type": "PolynomialDecay", "learning_rate": 0.1, "warmup_iters": 40}, "shorter than the run"),
        ({"type": "MultiStepDecay", "learning_rate": 0.1, "milestones": [30, 10]}, "milestones must rise"),
        ({"type": "PiecewiseDecay", "boundaries": [1], "values": [0.1]}, "one value more"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_scheduler(spec, iters=40)
