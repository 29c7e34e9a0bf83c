"""DeepLab V1: sizes, fields of view, MSc by sum and by concatenation, counts."""

import numpy as np
import paddle
import pytest
from paddle import nn

import paddleseg_lite.graph  # noqa: F401  (registers context units)
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from paddleseg_lite.models.deeplab_v1 import HEADS, nominal_field_of_view
from paddleseg_lite.optim.optimizers import build_optimizer
from tests.models.checks import (
    check_all_layers_in_state,
    check_context,
    check_gradients,
    check_save_load,
    check_sizes,
    count,
    geometry,
    lazy_model,
    receptive_field,
)

SMALL = {"type": "DeepLabV1", "width": 1 / 16}
MSC = {**SMALL, "msc": True}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 20_505_429),
        ({"msc": True}, 21_711_550),
        ({"msc": True, "fuse": "concat"}, 21_711_550 - 5 * 21),  # one bias in place of six
        ({"head": "7x7"}, 134_346_581),
        ({"pool5a": False}, 20_505_429),
    ],
)
def test_counts(more, expected):
    """DL1-5."""
    assert count(lazy_model({"type": "DeepLabV1", **more}, num_classes=21)) == expected


def test_shapes():
    """DL1-1. 321 -> 161, 81, 41, 41, 41 and logits at 41 in the recipe's training mode."""
    model = build_model({**SMALL, "width": 1 / 64, "native_output": True}, num_classes=4)
    with paddle.no_grad():
        assert [f.shape[2] for f in model.backbone(paddle.zeros([1, 3, 321, 321]))] == [161, 81, 41, 41, 41]
        assert list(model(paddle.zeros([1, 3, 321, 321]))["out"].shape) == [1, 4, 41, 41]
        model.eval()
        assert list(model(paddle.zeros([1, 3, 321, 321]))["out"].shape) == [1, 4, 321, 321]


def test_nominal_fields_of_view():
    """DL1-2, table 2 of the paper."""
    assert {head: nominal_field_of_view(head) for head in HEADS} == {
        "largefov": 224,
        "7x7": 224,
        "4x4": 128,
        "4x4_rate8": 224,
    }


@pytest.mark.parametrize(("pool5a", "expected"), [(False, 419), (True, 435)])
def test_receptive_field_by_recursion(pool5a, expected):
    """DL1-2. Larger than nominal: 3x3 poolings and dilated conv5 add to it."""
    model = build_model({**SMALL, "pool5a": pool5a}, num_classes=2)
    assert receptive_field([*model.backbone.sublayers(), model.pool5a, *model.fc.sublayers()]) == (expected, 8)


@pytest.mark.parametrize("head", list(HEADS))
def test_heads_keep_the_size(head):
    model = build_model({**SMALL, "head": head, "width": 1 / 64, "native_output": True}, num_classes=2)
    fc6 = model.fc[0]
    assert geometry(fc6)[::3] == HEADS[head][:2]
    with paddle.no_grad():
        assert list(model(paddle.zeros([1, 3, 97, 64]))["out"].shape) == [1, 2, 13, 8]


def test_concatenation_equals_sum():
    """DL1-3. One 1x1 on the concatenation has the branches' weights side by side and the sum of their biases."""
    by_sum = build_model({**MSC, "fuse": "sum"}, num_classes=3)
    by_concat = build_model({**MSC, "fuse": "concat"}, num_classes=3)
    state = {k: paddle.randn(v.shape) * 0.1 for k, v in by_sum.state_dict().items()}
    by_sum.set_state_dict(state)
    state["scores.0.weight"] = paddle.concat([state[f"scores.{i}.weight"] for i in range(6)], axis=1)
    state["scores.0.bias"] = sum(state[f"scores.{i}.bias"] for i in range(6))
    state = {k: v for k, v in state.items() if not k.startswith("scores.") or k.startswith("scores.0.")}
    missing, unexpected = by_concat.set_state_dict(state)
    assert not missing and not unexpected
    by_sum.eval(), by_concat.eval()
    x = paddle.randn([1, 3, 65, 97])
    with paddle.no_grad():
        a, b = by_sum(x)["out"].numpy(), by_concat(x)["out"].numpy()
    np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(a).max())


@pytest.mark.parametrize("n", [321, 65, 64, 97, 33, 8])
def test_msc_branches_agree_in_size(n):
    """DL1-4. A stride-8 convolution and three 3x3/2 poolings both give ceil(n / 8)."""
    model = build_model({**MSC, "width": 1 / 64}, num_classes=2)
    sizes = []
    for layer in [model.fc, *model.branches]:
        layer.register_forward_post_hook(lambda layer, inputs, output: sizes.append(output.shape[2]))
    with paddle.no_grad():
        model(paddle.zeros([1, 3, n, 40]))
    assert sizes == [-(-n // 8)] * 6
    strides = [geometry(branch[0])[1] for branch in model.branches]
    assert strides == [8, 4, 2, 1, 1]


def test_initialisation():
    """fc8 N(0, 0.01) with zero bias; MSc layers N(0, 0.001), their scores N(0, 0.01)."""
    model = build_model({"type": "DeepLabV1", "msc": True, "width": 0.5}, num_classes=21)
    for score in model.scores:
        assert float(score.weight.std()) == pytest.approx(0.01, rel=0.2)
        assert bool((score.bias == 0).all())
    for branch in model.branches:
        for layer in (branch[0], branch[3]):
            assert float(layer.weight.std()) == pytest.approx(0.001, rel=0.2)


def test_average_pooling_counts_the_padding_as_caffe():
    model = build_model(SMALL, num_classes=2)
    assert float(model.pool5a(paddle.ones([1, 1, 4, 4]))[0, 0, 0, 0]) == pytest.approx(4 / 9)


def test_freeze_trunk_leaves_what_msc_adds():
    model = build_model({**MSC, "freeze_trunk": True}, num_classes=3)
    trained = {
        name.split(".")[0] + "." + name.split(".")[1] for name, p in model.named_parameters() if not p.stop_gradient
    }
    assert trained == {f"branches.{i}" for i in range(5)} | {f"scores.{i}" for i in range(1, 6)}
    with pytest.raises(ConfigError, match="needs msc: true"):
        build_model({**SMALL, "freeze_trunk": True}, num_classes=3)


def test_only_fc8_and_msc_learn_ten_times_faster():
    model = build_model(MSC, num_classes=3)
    build_optimizer({"type": "Momentum", "head_lr_mult": 10.0, "head_bias_lr_mult": 20.0}, model, 1e-3)
    for name, p in model.named_parameters():
        part = name.split(".")[0]
        new = 20.0 if name.endswith("bias") else 10.0
        assert p.optimize_attr["learning_rate"] == (1.0 if part in ("backbone", "fc") else new), name


@pytest.mark.parametrize("spec", [SMALL, {**MSC, "backbone": "VGG16BN"}, {**MSC, "fuse": "concat"}])
def test_sizes(spec):
    check_sizes(spec)


def test_gradients():
    check_gradients({**MSC, "dropout": 0.0})
    check_gradients({**SMALL, "backbone": "VGG16BN"})


def test_save_load_and_registration(tmp_path):
    check_save_load(MSC, tmp_path)
    check_all_layers_in_state(build_model(MSC, num_classes=3))


@pytest.mark.parametrize("position", ["deep", "stage4"])
def test_context_slot(position):
    check_context(SMALL, {"type": "GloRe", "num_state": 8, "num_nodes": 4}, position)


def test_unknown_options():
    with pytest.raises(ConfigError, match=r"'largfov' is unknown.*Did you mean 'largefov'"):
        build_model({**SMALL, "head": "largfov"}, num_classes=2)
    with pytest.raises(ConfigError, match="fuse 'max' is unknown"):
        build_model({**SMALL, "fuse": "max"}, num_classes=2)


def test_no_softmax_inside():
    """Logits, not probabilities: their sum over classes is not fixed."""
    model = build_model(SMALL, num_classes=3)
    model.eval()
    sums = model(paddle.randn([1, 3, 33, 33]))["out"].sum(1)
    assert float(sums.std()) > 0 and not any(isinstance(layer, nn.Softmax) for layer in model.sublayers())
