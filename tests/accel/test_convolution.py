"""Convolution and transposed convolution against Paddle's own, and against finite differences."""

import random

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from accel_helpers import relative

from paddleseg_lite.accel import conv, layout, phases, taps

BOUND = {"fp32": 1e-5, "bf16": 2e-2}


def random_case(rng):
    """Shapes and arguments of one convolution that both libraries accept."""
    transposed = rng.random() < 0.35
    groups = rng.choice([1, 1, 1, 2, 4, "depthwise"])
    cin, cout = rng.choice([1, 3, 4, 8, 16, 20, 32]), rng.choice([1, 3, 8, 16, 19, 32])
    if groups == "depthwise":
        groups, cout = cin, cin * rng.choice([1, 1, 2])
    else:
        cin, cout = cin * groups, cout * groups
    kernel = (rng.choice([1, 2, 3, 5, 7]), rng.choice([1, 3, 5]))
    stride, dilation = (rng.choice([1, 2, 3]), rng.choice([1, 2])), (rng.choice([1, 2, 6]), rng.choice([1, 1, 3]))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    pads = [rng.randint(0, 3) for _ in range(4)]
    if transposed:
        pads = [min(p, r) for p, r in zip(pads, (reach[0], reach[0], reach[1], reach[1]))]
    size = [r + rng.randint(2, 16) for r in reach]
    extra = tuple(rng.randint(0, s - 1) for s in stride) if transposed else (0, 0)
    return {
        "transposed": transposed,
        "x": [rng.choice([1, 2, 3]), cin, *size],
        "kernel": kernel,
        "cout": cout,
        "bias": rng.random() < 0.5,
        "extra": extra,
        "window": {"stride": stride, "dilation": dilation, "groups": groups},
        "pads": tuple(pads),
    }


def build(case):
    """Tensors, the geometry, and Paddle's result."""
    groups = case["window"]["groups"]
    cin, cout = case["x"][1], case["cout"]
    shape = [cin, cout // groups] if case["transposed"] else [cout, cin // groups]
    tensors = [paddle.randn(case["x"]), paddle.randn([*shape, *case["kernel"]])]
    if case["bias"]:
        tensors.append(paddle.randn([cout]))
    for t in tensors:
        t.stop_gradient = False
    x, weight, bias = (*tensors, None)[:3]
    if case["transposed"]:
        y = F.conv2d_transpose(
            x, weight, bias, padding=list(case["pads"]), output_padding=list(case["extra"]), **case["window"]
        )
        g = conv.transposed_convolution(x, weight, pads=case["pads"], output_padding=case["extra"], **case["window"])
    else:
        y = F.conv2d(x, weight, bias, padding=list(case["pads"]), **case["window"])
        g = conv.convolution(x, weight, pads=case["pads"], **case["window"])
    return tensors, (x, weight, bias), g, y


def compare(case, math):
    tensors, (x, weight, bias), g, expected = build(case)
    dy = paddle.randn(expected.shape)
    theirs = paddle.grad([expected], tensors, [dy])
    y = conv.convolve(x, weight, bias, g, math)
    ours = paddle.grad([y], tensors, [dy])
    errors = [relative(a, b) for a, b in zip([y, *ours[:2]], [expected, *theirs[:2]])]
    if case["bias"]:  # a sum of numbers of either sign: its error is relative to what was summed
        errors.append(relative(ours[2], theirs[2], scale=float(dy[:, 0].numel()) ** 0.5))
    assert max(errors) <= BOUND[math], (case, errors, conv.plan(g, math, bias=case["bias"]).implementations())


@pytest.mark.parametrize("seed", range(4))
def test_random_convolutions_agree_with_paddle(seed, math):
    rng = random.Random(seed)
    for _ in range(20):
        compare(random_case(rng), math)


@pytest.mark.parametrize(
    "name",
    [
        "stem",
        "shortcut",
        "aspp",
        "beyond the map",
        "depthwise",
        "asymmetric",
        "up",
        "1x1",
        "depthwise aspp",
        "depthwise beyond",
        "depthwise valid",
    ],
)
def test_the_convolutions_of_segmentation_networks(name, math):
    one = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
    case = {
        "transposed": False,
        "x": [2, 16, 12, 14],
        "kernel": (3, 3),
        "cout": 24,
        "bias": True,
        "extra": (0, 0),
        "window": one,
        "pads": (1, 1, 1, 1),
    }
    case.update(
        {
            "stem": {"x": [2, 3, 31, 33], "kernel": (7, 7), "window": {**one, "stride": (2, 2)}, "pads": (3,) * 4},
            "shortcut": {"kernel": (1, 1), "window": {**one, "stride": (2, 2)}, "pads": (0,) * 4},
            "aspp": {"x": [2, 256, 12, 14], "cout": 256, "window": {**one, "dilation": (4, 4)}, "pads": (4,) * 4},
            "beyond the map": {
                "x": [1, 256, 6, 7],
                "cout": 256,
                "window": {**one, "dilation": (9, 9)},
                "pads": (9,) * 4,
            },
            "depthwise": {"x": [2, 32, 12, 14], "cout": 32, "window": {**one, "groups": 32}},
            "depthwise aspp": {
                "x": [2, 32, 12, 14],
                "cout": 32,
                "pads": (6,) * 4,
                "window": {**one, "groups": 32, "dilation": (6, 6)},
            },
            "depthwise beyond": {
                "x": [1, 16, 6, 7],
                "cout": 16,
                "pads": (9,) * 4,
                "window": {**one, "groups": 16, "dilation": (9, 9)},
            },
            "depthwise valid": {
                "x": [2, 16, 13, 20],
                "cout": 16,
                "kernel": (3, 5),
                "pads": (0, 2, 0, 3),
                "window": {**one, "groups": 16, "dilation": (2, 3)},
            },
            "asymmetric": {"kernel": (3, 3), "window": {**one, "stride": (2, 2)}, "pads": (0, 1, 0, 1)},
            "up": {"transposed": True, "kernel": (2, 2), "window": {**one, "stride": (2, 2)}, "pads": (0,) * 4},
            "1x1": {"kernel": (1, 1), "pads": (0,) * 4},
        }[name]
    )
    compare(case, math)


def test_taps_are_used_where_they_pay():
    def geometry(channels, dilation, kernel=3):
        x, w = paddle.zeros([1, channels, 9, 9]), paddle.zeros([channels, channels, kernel, kernel])
        pad = dilation * (kernel // 2)
        return conv.convolution(x, w, stride=(1, 1), pads=(pad,) * 4, dilation=(dilation,) * 2, groups=1)

    assert taps.suits(geometry(256, 6)) and taps.suits(geometry(8, 1, kernel=1))
    assert not taps.suits(geometry(256, 1)) and not taps.suits(geometry(8, 6))


def test_taps_of_a_convolution_without_dilation(monkeypatch):
    """The way of very wide layers, on a small one."""
    monkeypatch.setattr(taps, "HUGE", 1)
    window = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
    case = {
        "transposed": False,
        "x": [2, 7, 9, 11],
        "kernel": (3, 3),
        "cout": 5,
        "bias": True,
        "extra": (0, 0),
        "window": window,
        "pads": (1, 1, 1, 1),
    }
    g = build(case)[2]
    assert taps.suits(g) and not taps.suits(g, "bf16")
    compare(case, "fp32")


def test_dilated_depthwise_convolutions_are_sorted_into_phases():
    def geometry(dilation, pad, groups=8, stride=1):
        x, w = paddle.zeros([1, 8, 9, 9]), paddle.zeros([8, 8 // groups, 3, 3])
        return conv.convolution(x, w, stride=(stride,) * 2, pads=(pad,) * 4, dilation=(dilation,) * 2, groups=groups)

    assert phases.suits(geometry(2, 2)) and phases.suits(geometry(12, 12)) and phases.suits(geometry(2, 0))
    assert not phases.suits(geometry(1, 1)) and not phases.suits(geometry(2, 2, groups=1))
    assert not phases.suits(geometry(2, 1)) and not phases.suits(geometry(2, 2, stride=2))


def test_finite_differences():
    """The gradient of sum(y * r) by central differences in float64 of Paddle's own forward."""
    x, w = paddle.randn([1, 3, 5, 6]), paddle.randn([4, 3, 3, 3])
    for t in (x, w):
        t.stop_gradient = False
    g = conv.convolution(x, w, stride=(2, 1), pads=(1, 0, 1, 2), dilation=(1, 2), groups=1)
    y = conv.convolve(x, w, None, g)
    r = paddle.randn(y.shape)
    grads = [t.numpy() for t in paddle.grad([y], [x, w], [r])]

    def value(xs, ws):
        out = F.conv2d(paddle.to_tensor(xs), paddle.to_tensor(ws), stride=(2, 1), padding=[1, 0, 1, 2], dilation=(1, 2))
        return float((out * r.astype("float64")).sum())

    arrays = [t.numpy().astype("float64") for t in (x, w)]
    rng = np.random.default_rng(0)
    for which, gradient in enumerate(grads):
        for flat in rng.choice(gradient.size, 12, replace=False):
            shifted = []
            for step in (1e-4, -1e-4):
                moved = [a.copy() for a in arrays]
                moved[which].flat[flat] += step
                shifted.append(value(*moved))
            numeric = (shifted[0] - shifted[1]) / 2e-4
            assert abs(numeric - gradient.flat[flat]) < 1e-4 * max(1.0, abs(numeric))


def test_every_result_is_written(monkeypatch):
    """Memory handed to oneDNN holds garbage; none of it may survive, gaps between strided windows included."""
    clean = layout.empty_last

    def dirty(shape, dtype=paddle.float32):
        y = clean(shape, dtype)
        if dtype == paddle.float32:
            layout.last_view(y).fill_(1e30)
        return y

    monkeypatch.setattr(conv, "empty_last", dirty)
    one = {
        "transposed": False,
        "x": [2, 16, 9, 10],
        "kernel": (1, 1),
        "cout": 32,
        "bias": False,
        "extra": (0, 0),
        "window": {"stride": (3, 2), "dilation": (1, 1), "groups": 1},
        "pads": (0, 0, 0, 0),
    }
    for transposed in (False, True):
        for kernel in ((1, 1), (2, 1), (2, 2)):
            for groups in (1, 16):
                case = {
                    **one,
                    "transposed": transposed,
                    "kernel": kernel,
                    "window": {**one["window"], "groups": groups},
                    "extra": (2, 1) if transposed else (0, 0),
                }
                compare(case, "fp32")


def test_two_runs_are_equal_to_the_last_bit(math):
    x, w, b = paddle.randn([2, 32, 24, 20]), paddle.randn([48, 32, 3, 3]), paddle.randn([48])
    for t in (x, w, b):
        t.stop_gradient = False
    g = conv.convolution(x, w, stride=(1, 1), pads=(1,) * 4, dilation=(1, 1), groups=1)
    dy = paddle.randn([2, 48, 24, 20])

    def run():
        y = conv.convolve(x, w, b, g, math)
        return [t.numpy() for t in (y, *paddle.grad([y], [x, w, b], [dy]))]

    assert all((a == c).all() for a, c in zip(run(), run()))


def test_only_wanted_gradients_are_computed():
    x, w = paddle.randn([1, 8, 6, 6]), paddle.randn([8, 8, 3, 3])
    w.stop_gradient = False
    g = conv.convolution(x, w, stride=(1, 1), pads=(1,) * 4, dilation=(1, 1), groups=1)
    conv.convolve(x, w, None, g).sum().backward()
    assert x.grad is None and w.grad is not None
    with paddle.no_grad():
        assert conv.convolve(x, w, None, g).stop_gradient
