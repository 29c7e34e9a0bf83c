"""Switching a model over and back: what changes and what must not."""

import copy
import logging
import threading

import paddle
import paddle.nn.functional as F
import pytest
from conftest import relative
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.accel import active, functions, layout
from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.layers import ConvBNAct
from paddleseg_lite.models import build_model


def unet(**kwargs):
    return build_model({"type": "UNet", "variant": "paddleseg", "base_channels": 8, **kwargs}, num_classes=4)


def test_enable_and_disable_leave_no_trace():
    net = unet()
    concat = paddle.concat
    before = {name: dict(layer.__dict__) for name, layer in net.named_sublayers(include_self=True)}
    names, types = list(net.state_dict()), [type(layer) for layer in net.sublayers()]
    report = accel.enable(net, "fp32")
    assert report.active and report.layers["Conv2D"] == 19 and "oneDNN" in str(report)
    assert list(net.state_dict()) == names and [type(layer) for layer in net.sublayers()] == types
    assert paddle.concat is not concat
    accel.disable(net)
    after = {name: dict(layer.__dict__) for name, layer in net.named_sublayers(include_self=True)}
    assert {n: set(d) for n, d in before.items()} == {n: set(d) for n, d in after.items()}
    assert paddle.concat is concat and not functions._originals


def test_eval_and_train_results_are_paddles():
    net, x = unet(), paddle.randn([2, 3, 40, 56])
    net.eval()
    with paddle.no_grad():
        plain = net(x)["out"]
        with_grad = {}
        accel.enable(net, "fp32")
        fused = net(x)["out"]
        accel.disable(net)
    assert fused.is_contiguous() and relative(fused, plain) < 1e-5
    net.train()
    state = {k: v.clone() for k, v in net.state_dict().items()}
    for mode in ("off", "fp32"):
        net.set_state_dict(state)
        accel.enable(net, mode)
        with_grad[mode] = net(x)["out"], {k: v.clone() for k, v in net.state_dict().items() if "_mean" in k}
        accel.disable(net)
    assert relative(with_grad["fp32"][0], with_grad["off"][0]) < 1e-4
    for name, value in with_grad["off"][1].items():
        assert relative(with_grad["fp32"][1][name], value) < 1e-4


def test_bf16_trains_in_bf16_and_validates_in_fp32(caplog):
    if not accel.has_bf16():
        pytest.skip("this processor has no bf16 arithmetic")
    net, x = unet(), paddle.randn([1, 3, 32, 32])
    net.eval()
    plain = net(x)["out"].detach()
    accel.enable(net, "bf16")
    assert relative(net(x)["out"], plain) < 1e-5
    accel.enable(net, "bf16", eval_mode="bf16")
    assert 1e-5 < relative(net(x)["out"], plain) < 0.1
    accel.disable(net)


def test_a_processor_without_bf16_uses_fp32(monkeypatch, caplog):
    monkeypatch.setattr(accel.dnnl, "has_bf16", lambda: False)
    with caplog.at_level(logging.WARNING, logger="paddleseg_lite"):
        net = unet()
        report = accel.enable(net, "bf16")
        accel.disable(net)
    assert report.mode == "fp32" and len(caplog.records) == 1


def test_unknown_mode():
    with pytest.raises(EnvironmentProblem, match=r"'fp23' is unknown.*fp32"):
        accel.enable(nn.Conv2D(1, 1, 1), "fp23")


def test_a_copy_computes_with_its_own_weights():
    net, x = unet(), paddle.randn([1, 3, 32, 32])
    net.eval()
    accel.enable(net, "fp32")
    y, twin = net(x)["out"], copy.deepcopy(net)
    for p in twin.parameters():
        p.set_value(paddle.zeros_like(p))
    assert float(twin(x)["out"].abs().max()) == 0.0 and relative(net(x)["out"], y) == 0.0
    accel.disable(twin)
    accel.disable(net)


def test_disabled_for_a_while():
    net = unet()
    accel.enable(net, "fp32")
    with accel.disabled(net):
        assert "forward" not in net.__dict__
    assert net._accel_root.mode == "fp32" and "forward" in net.__dict__
    accel.disable(net)


def test_hooks_are_still_called():
    block, seen = ConvBNAct(4, 8), []
    block.train()
    block.bn.register_forward_post_hook(lambda layer, inputs, output: seen.append(float(output.min())))
    accel.enable(block, "fp32")
    y = block(paddle.randn([2, 4, 6, 6]))
    accel.disable(block)
    assert len(seen) == 1 and seen[0] < 0 and float(y.min()) == 0.0  # before the ReLU, not after


def test_a_forward_of_ones_own_is_left_alone():
    class Doubled(nn.Conv2D):
        def forward(self, x):
            return 2 * super().forward(x)

    layer, x = Doubled(3, 4, 3), paddle.randn([1, 3, 8, 8])
    expected = layer(x)
    report = accel.enable(nn.Sequential(layer), "fp32")
    assert "Doubled" not in report.layers and relative(layer(x), expected) == 0.0


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2D(4, 4, 3, padding="SAME", stride=2),
        nn.Conv2D(4, 4, 3, padding="VALID"),
        nn.Conv2D(4, 4, 3, padding=[1, 0, 2, 1]),
        nn.Conv2D(4, 4, 3, padding=[[0, 0], [0, 0], [1, 0], [2, 1]]),
        nn.Conv2D(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2DTranspose(4, 6, 3, stride=2, output_padding=1),
        nn.Conv2DTranspose(4, 6, (3, 2), padding=[1, 0, 1, 0]),
        nn.Conv2DTranspose(4, 6, 3, padding="SAME"),
        nn.MaxPool2D(3, 2, padding=1, ceil_mode=True),
        nn.MaxPool2D(2, padding="VALID"),
        nn.PReLU(4),
        nn.ReLU(),
    ],
    ids=repr,
)
def test_layer_arguments_mean_what_they_mean_to_paddle(layer):
    x = layout.to_last(paddle.randn([2, 4, 9, 10]))
    x.stop_gradient = False
    expected = layer(x)
    theirs = paddle.grad([expected.square().sum()], [x, *layer.parameters()])
    accel.enable(layer, "fp32")
    y = layer(x)
    ours = paddle.grad([y.square().sum()], [x, *layer.parameters()])
    accel.disable(layer)
    assert max(relative(a, b) for a, b in zip([y, *ours], [expected, *theirs])) < 1e-5


def test_a_transposed_convolution_with_output_size():
    layer, x = nn.Conv2DTranspose(4, 6, 3, stride=2), paddle.randn([1, 4, 5, 5])
    expected = layer(x, output_size=[12, 12])
    accel.enable(layer, "fp32")
    assert relative(layer(x, output_size=[12, 12]), expected) == 0.0
    accel.disable(layer)


def test_wrong_input_gets_paddles_message():
    layer = nn.Conv2D(4, 4, 3)
    accel.enable(layer, "fp32")
    with pytest.raises(ValueError):
        layer(paddle.randn([1, 5, 8, 8]))
    accel.disable(layer)


def test_other_types_go_to_paddle():
    layer, x = nn.Conv2D(4, 4, 3), paddle.randn([1, 4, 8, 8])
    accel.enable(layer, "fp32")
    layer.to(dtype="float64")
    assert layer(x.astype("float64")).dtype == paddle.float64
    accel.disable(layer)


def test_one_value_per_channel_is_still_refused():
    block = ConvBNAct(4, 8)
    accel.enable(block, "fp32")
    with pytest.raises(ValueError, match="one value per channel"):
        block(paddle.randn([1, 4, 1, 1]))
    accel.disable(block)


def test_functions_are_paddles_outside_the_model_and_on_other_threads():
    net, seen = nn.Sequential(nn.Conv2D(3, 4, 3), nn.ReLU()), []

    class Watch(nn.Layer):
        def forward(self, x):
            def look():
                seen.append((active.current(), F.relu(x).is_contiguous()))

            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            seen.append((active.current() is not None, F.relu(x).is_contiguous()))
            return x

    net = nn.Sequential(*net, Watch())
    accel.enable(net, "fp32")
    net(paddle.randn([1, 3, 8, 8]))
    assert seen == [(None, True), (True, False)] and active.current() is None
    accel.disable(net)


def test_enabling_twice_is_enabling_once():
    net = unet()
    accel.enable(net, "fp32")
    accel.enable(net, "auto")
    assert net._accel_root.mode == "auto"
    accel.disable(net)
    assert not functions._originals
