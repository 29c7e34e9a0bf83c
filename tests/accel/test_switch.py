"""Switching a model over and back: what changes and what must not."""

import copy
import logging
import threading

import paddle
import paddle.nn.functional as F
import pytest
from accel_helpers import relative
from paddle import nn

from paddleseg_lite import accel
from paddleseg_lite.accel import layout
from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.layers import ConvBNAct, add, concat, interpolate, relu
from paddleseg_lite.layers.functional import running_kernels
from paddleseg_lite.models import build_model


def unet(**kwargs):
    return build_model({"type": "UNet", "style": "paddleseg", "base_channels": 8, **kwargs}, num_classes=4)


def test_enable_and_disable_leave_no_trace():
    net = unet()
    before = {name: dict(layer.__dict__) for name, layer in net.named_sublayers(include_self=True)}
    names, types = list(net.state_dict()), [type(layer) for layer in net.sublayers()]
    report = accel.enable(net, "fp32")
    assert report.active and report.layers["Conv2D"] == 19 and "oneDNN" in str(report)
    assert list(net.state_dict()) == names and [type(layer) for layer in net.sublayers()] == types
    accel.disable(net)
    after = {name: dict(layer.__dict__) for name, layer in net.named_sublayers(include_self=True)}
    assert {n: set(d) for n, d in before.items()} == {n: set(d) for n, d in after.items()}


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
    monkeypatch.setattr(accel.loading, "has_bf16", lambda: False)
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


def patched_names():
    """What Paddle's own names stand for."""
    owners = {"paddle": paddle, "F": F, "Tensor": paddle.Tensor}
    return {
        f"{name}.{key}": id(value)
        for name, owner in owners.items()
        for key, value in vars(owner).items()
        if callable(value)
    }


class Watch(nn.Layer):
    """Notes during a forward what is in force on this thread and on another."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        def look():
            self.seen.append((running_kernels() is not None, relu(x).is_contiguous(), patched_names()))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        look()
        return x


def test_kernels_serve_one_model_on_one_thread_and_paddle_stays_as_it_was():
    before = patched_names()
    net = nn.Sequential(nn.Conv2D(3, 4, 3), nn.ReLU(), Watch())
    accel.enable(net, "fp32")
    net(paddle.randn([1, 3, 8, 8]))
    assert running_kernels() is None
    accel.disable(net)
    (elsewhere, here) = net[2].seen
    assert elsewhere[:2] == (False, True) and here[:2] == (True, False)
    assert elsewhere[2] == here[2] == before == patched_names()


def test_two_models_on_two_threads_keep_their_own_kernels():
    plain, fast = unet(), unet()
    fast.set_state_dict(plain.state_dict())
    accel.enable(fast, "fp32")
    plain.eval(), fast.eval()
    x, found = paddle.randn([1, 3, 32, 32]), {"plain": [], "fast": []}

    def work(name, net):
        with paddle.no_grad():
            found[name] += [net(x)["out"].numpy() for _ in range(5)]

    expected = {name: net(x)["out"].numpy() for name, net in (("plain", plain), ("fast", fast))}
    threads = [threading.Thread(target=work, args=pair) for pair in (("plain", plain), ("fast", fast))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    accel.disable(fast)
    for name, outputs in found.items():
        assert len(outputs) == 5 and all((y == expected[name]).all() for y in outputs)


class Raising(nn.Layer):
    """A forward with a mistake in it."""

    def __init__(self, mistake):
        super().__init__()
        self.mistake = mistake

    def forward(self, x):
        return self.mistake(x)


@pytest.mark.parametrize(
    "mistake, error",
    [
        (lambda x: add(x, object()), (TypeError, ValueError)),  # of Paddle 3; of 2.6
        (lambda x: relu(x, 1, 2), TypeError),
        (lambda x: concat([x, x[:, :, 1:]]), ValueError),
    ],
)
def test_a_mistake_in_a_call_is_raised_and_leaves_nothing_behind(mistake, error):
    net = nn.Sequential(nn.Conv2D(3, 4, 3), Raising(mistake))
    accel.enable(net, "fp32")
    with pytest.raises(error):
        net(paddle.randn([1, 3, 8, 8]))
    assert running_kernels() is None
    accel.disable(net)


def test_what_onednn_does_not_know_is_said_once_and_computed_by_paddle(caplog):
    net, x = Raising(lambda x: interpolate(x, (1, 5))), paddle.randn([1, 3, 8, 8])
    expected = net(x)
    accel.enable(net, "fp32")
    with caplog.at_level(logging.INFO, logger="paddleseg_lite"):
        found = [net(x) for _ in range(2)]
    accel.disable(net)
    assert all(relative(y, expected) == 0.0 for y in found)
    assert [r.message for r in caplog.records if "resize stays with Paddle" in r.message] == [caplog.records[0].message]


def test_enabling_twice_is_enabling_once():
    net = unet()
    accel.enable(net, "fp32")
    accel.enable(net, "auto")
    assert net._accel_root.mode == "auto"
    accel.disable(net)


@pytest.mark.parametrize("act", [relu, nn.ReLU(), nn.PReLU(6), None], ids=["function", "ReLU", "PReLU", "none"])
@pytest.mark.parametrize("listens", [False, True])
def test_a_sum_and_its_activation(act, listens):
    class Residual(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2D(6, 6, 3, padding=1), act

        def forward(self, x):
            return add(x, self.conv(x), self.act)

    heard, results = [], {}
    net, x = Residual(), paddle.randn([2, 6, 9, 8])
    hook = listens and isinstance(act, nn.Layer) and act.register_forward_post_hook(lambda *_: heard.append(1))
    for mode in ("off", "fp32"):
        accel.enable(net, mode)
        x = x.detach()
        x.stop_gradient = False
        y = net(x)
        y.backward(paddle.ones(y.shape))
        results[mode] = y, x.grad
        accel.disable(net)
    assert max(relative(a, b) for a, b in zip(*results.values())) < 1e-5
    if hook:
        hook.remove()
        assert len(heard) == 2
