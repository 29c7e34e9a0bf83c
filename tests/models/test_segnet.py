"""SegNet: unpooling at the stored places, the 26 convolutions, counts."""

import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import paddleseg_lite.graph  # noqa: F401  (registers context units)
from paddleseg_lite.backbones import VGG16BN
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from tests.models.checks import (
    SIZES,
    check_all_layers_in_state,
    check_context,
    check_context_of_another_width,
    check_gradients,
    check_save_load,
    check_sizes,
    check_static,
    count,
    lazy_model,
)

SMALL = {"type": "SegNet", "width": 1 / 16}


def convolutions(model):
    return [layer for layer in model.sublayers() if isinstance(layer, nn.Conv2D)]


@pytest.mark.parametrize(
    ("more", "num_classes", "expected"),
    [
        ({}, 11, 29_449_355),
        ({}, 21, 29_455_125),
        ({"conv_bias": False}, 21, 29_447_189),
        ({"style": "paddleseg"}, 21, 29_455_125 + 128 * 128 * 9 + 3 * 128),  # one more convolution with bias and BN
    ],
)
def test_counts(more, num_classes, expected):
    assert count(lazy_model({"type": "SegNet", **more}, num_classes=num_classes)) == expected


@pytest.mark.parametrize(("style", "expected"), [("paper", 26), ("paddleseg", 27)])
def test_widths_mirror(style, expected):
    with paddle.LazyGuard():
        model = build_model({"type": "SegNet", "style": style}, num_classes=11)
    widths = [layer._out_channels for layer in convolutions(model)]
    assert len(widths) == expected
    assert widths[:13] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    fourth = [128, 64] if style == "paper" else [128, 128, 64]
    assert widths[13:] == [512] * 3 + [512, 512, 256] + [256, 256, 128] + fourth + [64, 11]


def test_unpooling_in_the_network():
    """S-1. Every decoder stage sees each pooled value at its argmax, and zeros elsewhere."""
    model = build_model(SMALL, num_classes=3)
    model.eval()
    before, after = [], []
    for stage in model.backbone.stages:
        stage[-1].register_forward_pre_hook(lambda layer, inputs: before.append(inputs[0]))
    for stage in model.decoder:
        stage.register_forward_pre_hook(lambda layer, inputs: after.append(inputs[0]))
    with paddle.no_grad():
        features = model.backbone(paddle.randn([1, 3, 45, 70]))
        model(paddle.randn([1, 3, 45, 70]))
    for x, pooled, place in zip(before, features, features.places):
        u = place.restore(pooled)
        assert u.shape == x.shape
        assert bool(((u == 0) | (u == x)).all())
        assert float((u.sum() - pooled.sum()).abs()) <= 1e-3 * float(pooled.sum())
    sizes = [tuple(u.shape[2:]) for u in after]
    assert sizes == [(3, 5), (6, 9), (12, 18), (23, 35), (45, 70)]  # pooling rounds up, as Caffe's


def test_paddleseg_pooling_rounds_down():
    model = build_model({**SMALL, "style": "paddleseg"}, num_classes=3)
    with paddle.no_grad():
        model.eval()
        assert [f.shape[2] for f in model.backbone(paddle.randn([1, 3, 45, 64]))] == [22, 11, 5, 2, 1]


def test_last_convolution_is_linear():
    """S-3. Negative logits exist and the classifier is the last layer that runs."""
    model = build_model(SMALL, num_classes=3)
    model.eval()
    seen = {}
    model.classifier.register_forward_post_hook(lambda layer, inputs, output: seen.update(y=output))
    out = model(paddle.randn([1, 3, 64, 64]))["out"]
    assert bool((seen["y"] == out).all())
    assert float(out.min()) < 0 < float(out.max())


@pytest.mark.parametrize("style", ["paper", "paddleseg"])
def test_sizes(style):
    """S-2."""
    sizes = [*SIZES, (1, 5)] if style == "paper" else SIZES
    check_sizes({**SMALL, "style": style}, sizes=sizes)


def test_gradients():
    check_gradients(SMALL)
    check_gradients({**SMALL, "conv_bias": False})


def test_save_load_and_registration(tmp_path):
    check_save_load(SMALL, tmp_path)
    check_all_layers_in_state(build_model(SMALL, num_classes=3))


def test_encoder_takes_the_weights_of_vgg16bn():
    model, vgg = build_model(SMALL, num_classes=3), VGG16BN(width=1 / 16, layout="fcn_same")
    missing, unexpected = model.backbone.set_state_dict(vgg.state_dict())
    assert not missing and not unexpected
    x = paddle.randn([1, 3, 33, 47])
    model.eval(), vgg.eval()
    for a, b in zip(model.backbone(x), vgg(x)):
        assert bool((a == b).all())


@pytest.mark.parametrize("position", ["deep", "stage2", "stage5"])
def test_context_slot(position):
    check_context(SMALL, {"type": "GloRe", "num_state": 8, "num_nodes": 4}, position)


def test_context_of_another_width_is_brought_back_for_unpooling():
    assert check_context_of_another_width(SMALL).deep_channels == 16


def test_static_graph():
    check_static(build_model(SMALL, num_classes=3))


def test_unknown_variant():
    with pytest.raises(ConfigError, match="'caffe' is unknown"):
        build_model({"type": "SegNet", "style": "caffe"}, num_classes=2)


def test_unpooled_sum_is_kept():
    x = F.relu(paddle.randn([2, 4, 6, 7]))
    model = build_model(SMALL, num_classes=2)
    pooled, place = model.backbone.pool(0)(x)
    assert float((place.restore(pooled).sum() - pooled.sum()).abs()) < 1e-3
