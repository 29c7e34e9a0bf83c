"""Convolution, normalisation, activation and dropout as one node against the same layers one by one."""

import copy

import paddle
import pytest
from accel_helpers import relative
from paddle import nn
from paddle.base import core

from paddleseg_lite import accel
from paddleseg_lite.accel import conv, dnnl, fused
from paddleseg_lite.layers import BatchNorm

ACTS = {
    "none": lambda width: [],
    "relu": lambda width: [nn.ReLU()],
    "prelu": lambda width: [nn.PReLU(width)],
    "one slope": lambda width: [nn.PReLU(1)],
}


def row(width=16, act="relu", *, drop=0.0, norm=None, **options):
    normalisation = BatchNorm(width, momentum=0.7) if norm is None else nn.BatchNorm2D(width, **norm)
    members = [nn.Conv2D(6, width, 3, padding=1, **options), normalisation, *ACTS[act](width)]
    net = nn.Sequential(nn.Sequential(*members), nn.Dropout2D(drop)) if drop else nn.Sequential(*members)
    for p in net.parameters():  # no slope of exactly 1, no shift of 0
        p.set_value(p + 0.3 * paddle.randn(p.shape))
    return net


def apart(net):
    """A copy whose layers are called one by one, since someone listens to them."""
    other = copy.deepcopy(net)
    for layer in other.sublayers():
        layer.register_forward_post_hook(lambda *_: None)
    return other


def step(net, x, mode="fp32"):
    """Output, gradients and buffers of one step."""
    accel.enable(net, mode)
    paddle.seed(3)
    x = x.detach()
    x.stop_gradient = False
    y = net(x)
    paddle.seed(4)
    y.backward(paddle.randn(y.shape))
    trained = [p for p in net.parameters() if not p.stop_gradient]
    return [y, x.grad, *(p.grad for p in trained), *net.buffers()]


@pytest.fixture
def counted(monkeypatch):
    """How many units ran as one."""
    ran, run = [], fused.run

    def counting(*args):
        y = run(*args)
        ran.append(y is not None)
        return y

    monkeypatch.setattr(fused, "run", counting)
    return ran


@pytest.mark.parametrize("drop", [0.0, 0.4])
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("width", [4, 16, 19])
def test_equals_its_parts_bit_for_bit(counted, width, act, drop):
    net, x = row(width, act, drop=drop), paddle.randn([2, 6, 11, 9])
    for a, b in zip(step(net, x), step(apart(net), x)):
        assert (a == b).all()
    assert counted == [True]


@pytest.mark.parametrize(
    "options",
    [
        {"bias_attr": False},
        {"stride": 2},
        {"dilation": 2},
        {"groups": 2},
        {"norm": {"weight_attr": False, "bias_attr": False}},
        {"norm": {"use_global_stats": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("act", ["relu", "prelu"])
def test_kinds_of_layers(counted, act, options):
    net, x = row(act=act, **options), paddle.randn([2, 6, 12, 10])
    theirs, parts = step(copy.deepcopy(net), x, "off"), step(apart(net), x)
    ours = step(net, x)
    assert all((a == b).all() for a, b in zip(ours, parts))
    assert max(relative(a, b) for a, b in zip(ours[:2], theirs[:2])) < 1e-4  # the output and the input's gradient
    assert counted == [True]


def test_frozen_parts_get_no_gradient():
    for frozen in (["weight"], ["weight", "bias"]):
        net, x = row(act="prelu"), paddle.randn([2, 6, 8, 8])
        for name in frozen:
            getattr(net[0], name).stop_gradient = True
        net[1].weight.stop_gradient = True
        for a, b in zip(step(net, x), step(apart(net), x)):
            assert (a == b).all()
        assert net[0].weight.grad is None and net[1].weight.grad is None and net[2]._weight.grad is not None


def test_without_gradients_nothing_is_fused_for_training(counted):
    net = row()
    accel.enable(net, "fp32")
    with paddle.no_grad():
        net(paddle.randn([2, 6, 8, 8]))
    for p in net.parameters():
        p.stop_gradient = True
    net(paddle.randn([2, 6, 8, 8]))
    assert counted == [False]


def test_bf16_products():
    if not accel.has_bf16():
        pytest.skip("this processor has no bf16 arithmetic")
    net, x = row(act="prelu"), paddle.randn([2, 6, 16, 16])
    for a, b in zip(step(net, x, "bf16"), step(apart(net), x, "bf16")):
        assert (a == b).all()


def test_what_onednn_refuses_is_done_by_the_parts(monkeypatch):
    def refuse(unit):
        raise dnnl.Unimplemented("not today")

    net, x = row(act="prelu", drop=0.3), paddle.randn([2, 6, 8, 8])
    expected = step(apart(net), x)
    monkeypatch.setattr(fused, "plan", refuse)
    for a, b in zip(step(net, x), expected):
        assert (a == b).all()


def test_a_prelu_keeps_a_map_less():
    """Bytes held between forward and backward; a map is 2 x 16 x 64 x 64 x 4 of them."""
    count = getattr(core, "host_memory_stat_current_value", None)
    if count is None:
        pytest.skip("this Paddle does not count what is allocated")

    def held(net):
        accel.enable(net, "fp32")
        x = paddle.randn([2, 6, 64, 64])
        net(x)  # compiles
        before = count("Allocated", 0)
        y = net(x)
        return count("Allocated", 0) - before - 4 * y.size

    net = row(act="prelu")
    assert held(apart(net)) - held(net) > 0.8 * 2 * 16 * 64 * 64 * 4


@pytest.mark.parametrize("bias", [False, True])
def test_weight_gradient_of_a_dilation_that_onednn_lowers_to_copies(bias):
    """16 in front of a map of 24 x 32: most of the nine copies of im2col would be zeros."""
    layer = nn.Conv2D(32, 32, 3, padding=16, dilation=16, bias_attr=None if bias else False)
    x = paddle.randn([2, 32, 24, 32])
    g = conv.convolution(x, layer.weight, stride=(1, 1), pads=(16,) * 4, dilation=(16, 16), groups=1)
    dy = paddle.randn([2, 32, 24, 32])
    results = []
    for mode in ("off", "fp32"):
        accel.enable(layer, mode)
        layer(x).backward(dy)
        results.append([p.grad.clone() for p in layer.parameters()])
        layer.clear_gradients()
    assert max(relative(a, b) for a, b in zip(*results)) < 1e-5
    plan = conv.plan(g, "fp32", bias=bias)
    plan = getattr(plan, "plan", plan)
    assert not any("gemm" in name for name in plan.implementations()) or plan._taps is not None
