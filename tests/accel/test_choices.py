"""Mode auto: measured once, recorded as JSON, repeated."""

import json

import paddle
import pytest
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.accel import choose


def step(net, x):
    net(x).sum().backward()


def test_each_shape_is_measured_once(monkeypatch):
    calls, measure = [], choose._measure
    monkeypatch.setattr(choose, "_measure", lambda *a: calls.append(a[0]) or measure(*a))
    net = nn.Sequential(nn.Conv2D(3, 8, 3), nn.Conv2DTranspose(8, 4, 2, stride=2))
    accel.enable(net, "auto")
    for _ in range(2):
        step(net, paddle.randn([1, 3, 16, 18]))
    assert len(calls) == 2 and len(accel.choices()) == 2
    with paddle.no_grad():
        net(paddle.randn([1, 3, 16, 18]))
    assert len(calls) == 4 and sum(" eval " in key for key in accel.choices()) == 2
    for side in range(20, 40):  # many sizes: only a few are measured
        step(net, paddle.randn([1, 3, side, side]))
    assert len(calls) == 2 * choose.SHAPES_MEASURED + 2 and len(accel.choices()) == 44
    accel.disable(net)


def test_choices_survive_json_and_decide(monkeypatch):
    net, x = nn.Sequential(nn.Conv2D(3, 8, 3)), paddle.randn([1, 3, 16, 18])
    accel.enable(net, "auto")
    step(net, x)
    recorded = json.loads(json.dumps(accel.choices()))
    monkeypatch.setattr(choose, "_measure", lambda *a: pytest.fail("measured although recorded"))
    for choice, contiguous in (("paddle", True), ("onednn", False)):
        accel.clear_choices()
        accel.load_choices(dict.fromkeys(recorded, choice))
        assert net[0](x).is_contiguous() is contiguous
    accel.disable(net)


def test_a_recorded_choice_must_be_one_of_two():
    with pytest.raises(ValueError, match="'onednn' or 'paddle'"):
        accel.load_choices({"conv2d": "mkl"})
