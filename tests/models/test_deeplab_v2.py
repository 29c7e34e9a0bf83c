"""DeepLab V2: ASPP by summation, multi-scale training with one loss a scale, recipe multipliers, counts."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import paddleseg_lite.graph  # noqa: F401  (registers context units)
from paddleseg_lite.layers import freeze_bn
from paddleseg_lite.losses import build_criterion
from paddleseg_lite.models import build_model
from paddleseg_lite.optim.optimizers import build_optimizer
from paddleseg_lite.optim.schedules import build_scheduler
from tests.models.checks import (
    check_all_layers_in_state,
    check_context,
    check_gradients,
    check_save_load,
    check_sizes,
    count,
    geometry,
    lazy_model,
)

VGG = {"type": "DeepLabV2", "backbone": "VGG16", "width": 1 / 16}
RES = {"type": "DeepLabV2", "backbone": "ResNet50", "width": 1 / 16}
BOTH = pytest.mark.parametrize("spec", [VGG, RES], ids=["vgg", "resnet"])


@pytest.mark.parametrize(
    ("backbone", "expected"), [("VGG16", 37_877_652), ("ResNet50", 25_056_404), ("ResNet101", 44_048_532)]
)
def test_counts(backbone, expected):
    assert count(lazy_model({"type": "DeepLabV2", "backbone": backbone}, num_classes=21)) == expected


def parts(model):
    """The branches as functions of the deep map."""
    if hasattr(model.aspp, "branches"):
        return list(model.aspp.branches)
    return [lambda x, fc=fc, score=score: score(fc(x)) for fc, score in zip(model.aspp.fcs, model.aspp.scores)]


def last_layers(model):
    return list(getattr(model.aspp, "branches", None) or model.aspp.scores)


@BOTH
def test_sum_fusion(spec):
    """V2-1. Silence three branches and the fourth is left."""
    model = build_model(spec, num_classes=3)
    model.eval()
    for layer in last_layers(model)[:3]:
        layer.weight.set_value(paddle.zeros(layer.weight.shape))
        layer.bias.set_value(paddle.zeros(layer.bias.shape))
    x = paddle.randn([1, model.deep_channels, 9, 7])
    with paddle.no_grad():
        np.testing.assert_allclose(model.aspp(x).numpy(), parts(model)[3](x).numpy(), atol=1e-6)


@BOTH
@pytest.mark.parametrize("rates", [(6, 12, 18, 24), (2, 4, 8, 12), (12,)])
def test_branches_keep_the_size(spec, rates):
    """V2-2."""
    model = build_model({**spec, "rates": rates}, num_classes=3)
    model.eval()
    x = paddle.randn([1, model.deep_channels, 5, 11])
    assert len(parts(model)) == len(rates)
    with paddle.no_grad():
        assert all(list(branch(x).shape) == [1, 3, 5, 11] for branch in parts(model))


def test_resnet_branches_are_plain_convolutions():
    """Bias, N(0, 0.01), neither BN nor ReLU; rates 6, 12, 18, 24."""
    model = build_model(RES, num_classes=3)
    assert [geometry(conv) for conv in model.aspp.branches] == [(3, 1, r, r) for r in (6, 12, 18, 24)]
    assert all(float(c.weight.std()) == pytest.approx(0.01, rel=0.1) for c in model.aspp.branches)
    assert all(bool((c.bias == 0).all()) for c in model.aspp.branches)
    assert {type(layer) for layer in model.aspp.sublayers()} == {nn.LayerList, nn.Conv2D}


def test_a_rate_beyond_the_map_leaves_the_centre_tap():
    """V2-4. The 3x3 then equals the 1x1 of its centre weights."""
    model = build_model({**RES, "rates": (12,)}, num_classes=3)
    conv = model.aspp.branches[0]
    x = paddle.randn([1, model.deep_channels, 12, 9])
    expected = F.conv2d(x, conv.weight[:, :, 1:2, 1:2], conv.bias)
    np.testing.assert_allclose(conv(x).numpy(), expected.numpy(), atol=1e-5)
    wider = paddle.randn([1, model.deep_channels, 13, 9])
    assert float((conv(wider) - F.conv2d(wider, conv.weight[:, :, 1:2, 1:2], conv.bias)).abs().max()) > 1e-3


def test_resnet_is_caffes():
    """Stride on the first 1x1, stem pooling rounds up, output stride 8 with dilations 2 and 4 in all units."""
    model = build_model(RES, num_classes=2)
    backbone = model.backbone
    assert backbone.strides == [4, 8, 8, 8]
    first = backbone.stages[1][0]
    assert first.conv1.conv._stride[0] == 2 and first.conv2.conv._stride[0] == 1
    for stage, rate in zip(backbone.stages, (1, 1, 2, 4)):
        assert [geometry(unit.conv2.conv)[3] for unit in stage] == [rate] * len(stage)
    pools = [layer for layer in backbone.stem.sublayers() if isinstance(layer, nn.MaxPool2D)]
    assert [pool.ceil_mode for pool in pools] == [True]
    with paddle.no_grad():
        backbone.eval()
        assert [f.shape[2] for f in backbone(paddle.randn([1, 3, 64, 64]))] == [17, 9, 9, 9]


def test_vgg_has_no_pool5a():
    assert not any(isinstance(layer, nn.AvgPool2D) for layer in build_model(VGG, num_classes=2).sublayers())


@BOTH
def test_msc(spec):
    """V2-3. Outputs of every scale, their maximum, and in eval the maximum alone."""
    base = build_model(spec, num_classes=3)
    model = build_model({**spec, "msc_scales": (0.75, 0.5), "dropout": 0.0}, num_classes=3)
    model.set_state_dict(base.state_dict())
    freeze_bn(model)
    x = paddle.randn([2, 3, 65, 97])
    outputs = model(x)
    assert list(outputs) == ["out", "msc_1", "msc_0.75", "msc_0.5"]
    small = [[6, 9], [4, 6]] if spec is VGG else [[7, 10], [5, 7]]  # images of 48 x 72 and 32 x 48; Caffe rounds up
    assert [list(v.shape[2:]) for v in outputs.values()] == [[9, 13], [9, 13], *small]
    fused = outputs["out"]
    resized = [F.interpolate(outputs[n], size=fused.shape[2:], mode="bilinear") for n in list(outputs)[1:]]
    assert all(bool((fused >= r).all()) for r in resized)
    assert bool(((fused == resized[0]) | (fused == resized[1]) | (fused == resized[2])).all())
    model.eval(), base.eval()
    out = model(x)
    assert list(out) == ["out"]
    expected = F.interpolate(fused, size=[65, 97], mode="bilinear")
    np.testing.assert_allclose(out["out"].numpy(), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(  # scale 1 is the plain network
        F.interpolate(outputs["msc_1"], size=[65, 97], mode="bilinear").numpy(), base(x)["out"].numpy(), atol=1e-5
    )


def test_without_scales_it_is_the_plain_network():
    model = build_model(VGG, num_classes=3)
    assert list(model(paddle.randn([1, 3, 33, 47]))) == ["out"]
    assert not model.native_output
    native = build_model({**VGG, "msc_scales": [0.5], "native_output": False}, num_classes=3)
    assert {tuple(v.shape[2:]) for v in native(paddle.randn([1, 3, 33, 47])).values()} == {(33, 47)}


def test_four_losses():
    """Each output against labels shrunk to it."""
    model = build_model({**RES, "msc_scales": (0.75, 0.5)}, num_classes=3)
    names = ["out", "msc_1", "msc_0.75", "msc_0.5"]
    criterion = build_criterion({name: {"type": "CrossEntropyLoss"} for name in names}, num_classes=3)
    outputs = model(paddle.randn([2, 3, 64, 64]))
    total, losses = criterion(outputs, {"label": paddle.randint(0, 3, [2, 64, 64])})
    assert list(losses) == names
    assert float(total) == pytest.approx(sum(float(v) for v in losses.values()), rel=1e-5)


def test_poly_schedule():
    """V2-5."""
    schedule = build_scheduler(
        {"type": "PolynomialDecay", "learning_rate": 2.5e-4, "end_lr": 0.0, "power": 0.9}, iters=20
    )
    rates = []
    for _ in range(21):
        rates.append(schedule.get_lr())
        schedule.step()
    assert rates[0] == pytest.approx(2.5e-4) and rates[20] == 0.0
    assert rates[10] == pytest.approx(2.5e-4 * 0.5**0.9)


@BOTH
def test_recipe_multipliers(spec):
    """New weights x10, new biases x20 without decay; with VGG16 fc6 and fc7 come from ImageNet."""
    model = build_model(spec, num_classes=3)
    recipe = {
        "type": "Momentum",
        "weight_decay": 5e-4,
        "head_lr_mult": 10.0,
        "head_bias_lr_mult": 20.0,
        "no_bias_decay": True,
    }
    build_optimizer(recipe, model, 2.5e-4)
    new = {id(p) for layer in last_layers(model) for p in layer.parameters()}
    for name, p in model.named_parameters():
        is_bias = name.endswith("bias")
        rate = p.optimize_attr["learning_rate"]
        assert rate == ((20.0 if is_bias else 10.0) if id(p) in new else 1.0), name
        if is_bias and not p.stop_gradient:
            assert p.regularizer._coeff == 0.0


def test_bn_frozen_as_in_the_recipe():
    """One image a step is fine then, statistics stay, and scales no longer train."""
    model = build_model(RES, num_classes=3)
    norms = [layer for layer in model.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    assert freeze_bn(model) == len(norms)
    before = [n._mean.clone() for n in norms]
    model(paddle.randn([1, 3, 33, 47]))
    assert all(bool((n._mean == b).all()) for n, b in zip(norms, before))
    assert all(n.weight.stop_gradient and n.bias.stop_gradient for n in norms)


@pytest.mark.parametrize("more", [{}, {"msc_scales": (0.75, 0.5)}, {"backbone": "VGG16BN"}])
@BOTH
def test_sizes(spec, more):
    check_sizes({**spec, **more})


@BOTH
def test_gradients(spec):
    check_gradients({**spec, "msc_scales": (0.5,)})


@BOTH
def test_save_load_and_registration(spec, tmp_path):
    check_save_load(spec, tmp_path)
    check_all_layers_in_state(build_model(spec, num_classes=3))


@BOTH
@pytest.mark.parametrize("position", ["deep", "stage3"])
def test_context_slot(spec, position):
    check_context({**spec, "msc_scales": (0.5,)}, {"type": "GloRe", "num_state": 8, "num_nodes": 4}, position)
