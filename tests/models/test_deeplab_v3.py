"""DeepLab V3, its cascade and the course's hybrid; DeepLab V3+; FCN on ResNet."""

import paddle
import pytest
from paddle import nn

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.layers import FREEZE_BN, BatchNorm, apply_freeze_bn, freeze_bn
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import BACKBONES
from tests.models.checks import count, lazy_model

R18 = {"type": "ResNet18", "width": 0.125}
R50 = {"type": "ResNet50", "width": 0.125}
SMALL = {"type": "DeepLabV3", "backbone": R50, "aspp_channels": 8}
PLUS = {"type": "DeepLabV3P", "backbone": R18, "aspp_channels": 8, "low_channels": 4, "decoder_channels": 8}


def rates(model):
    return [branch.conv._dilation[0] for branch in model.aspp.branches]


def block(model, number):
    return [unit.conv2.conv._dilation[0] for unit in model.backbone.stages[number - 1]]


def at(stride, **more):
    return {"type": "DeepLabV3", "backbone": {"type": "ResNet50", "output_stride": stride}, **more}


def test_rates_and_multi_grid_follow_the_output_stride():
    assert rates(lazy_model(at(16), num_classes=2)) == [1, 6, 12, 18]
    assert rates(lazy_model(at(8), num_classes=2)) == [1, 12, 24, 36]
    assert rates(lazy_model(at(32), num_classes=2)) == [1, 3, 6, 9]
    assert block(lazy_model(at(16), num_classes=2), 4) == [2, 4, 8]
    assert block(lazy_model(at(8), num_classes=2), 4) == [4, 8, 16]
    assert block(lazy_model(at(8), num_classes=2), 3) == [2] * 6  # every unit, not the first alone


def test_one_state_dict_for_both_output_strides():
    states = [{k: v.shape for k, v in lazy_model(at(s), num_classes=21).state_dict().items()} for s in (8, 16)]
    assert states[0] == states[1]


def test_cascade():
    model = lazy_model(at(16, cascade=3), num_classes=21)
    assert [block(model, n) for n in (4, 5, 6, 7)] == [[2, 4, 2], [4, 8, 4], [8, 16, 8], [16, 32, 16]]
    assert isinstance(model.aspp, nn.Identity)
    assert model.classifier.weight.shape == [21, 2048, 1, 1]
    assert all(isinstance(stage[0].shortcut, nn.Identity) for stage in list(model.backbone.stages)[4:])
    strided = lazy_model(at(256, cascade=3), num_classes=21)
    assert strided.backbone.strides[-1] == 256
    assert block(strided, 7) == [1, 2, 1]
    with pytest.raises(ConfigError, match="output_stride 128 is not possible"):
        lazy_model(at(128), num_classes=21)


def test_cascade_takes_the_weights_of_a_plain_backbone(tmp_path):
    plain = BACKBONES.build(R50)
    paddle.save(plain.state_dict(), str(tmp_path / "resnet50.pdparams"))
    model = build_model({**SMALL, "cascade": 1, "pretrained": str(tmp_path / "resnet50.pdparams")}, num_classes=4)
    own = model.backbone.state_dict()
    assert all(bool((own[name] == value).all()) for name, value in plain.state_dict().items())
    slow = {id(p) for g in model.parameter_groups() if g["learning_rate"] == 1.0 for p in g["params"]}
    assert slow == {id(p) for p in model.backbone.imagenet_part().parameters() if not p.stop_gradient}


def test_course_hybrid():
    model = lazy_model("course_deeplab")
    assert [block(model, n) for n in (4, 5, 6, 7)] == [[1, 2, 4], [1, 2, 4], [2, 4, 8], [4, 8, 16]]
    assert block(model, 3) == [2] * 6
    assert rates(model) == [1, 12, 24, 36]
    assert not isinstance(model.backbone.stages[4][0].shortcut, nn.Identity)
    assert model.aux_stage == 2

    assert model.align_corners and model.aspp.align_corners  # as in the notes
    half = lazy_model({"type": "course_deeplab", "align_corners": False})
    assert not half.align_corners and not half.aspp.align_corners


@pytest.mark.parametrize(
    ("stride", "block3", "block4", "aspp", "strides"),
    [(8, 2, [2, 4, 2], [1, 12, 24, 36], [4, 8, 8, 8]), (16, 1, [2, 4, 8], [1, 6, 12, 18], [4, 8, 16, 16])],
)
def test_the_articles_network_by_name(stride, block3, block4, aspp, strides):
    model = lazy_model({"type": "deeplab_v3_article", "output_stride": stride}, num_classes=21)
    assert model.backbone.strides == strides and model.align_corners
    assert block(model, 3) == [block3] * 23
    assert block(model, 4) == block4 and rates(model) == aspp
    assert count(model) == 58_040_640  # the paper's ResNet-101 without the 21 biases of its logits
    assert model.classifier.bias is None


def test_the_article_has_two_output_strides():
    with pytest.raises(ConfigError, match="8 or 16, not 32"):
        build_model({"type": "deeplab_v3_article", "output_stride": 32}, num_classes=2)


def test_torchvision_style():
    model = lazy_model({"type": "DeepLabV3", "style": "torchvision", "aux": True}, num_classes=21)
    assert block(model, 3) == [1] + [2] * 5
    assert block(model, 4) == [2, 4, 4]
    assert model.aspp.dropout.p == 0.5
    assert len(model.head) == 1


def test_unknown_styles():
    for name in ("DeepLabV3", "DeepLabV3P"):
        with pytest.raises(ConfigError, match="style 'tf' is unknown"):
            build_model({"type": name, "style": "tf"}, num_classes=2)


@pytest.mark.parametrize("spec", [SMALL, PLUS], ids=["V3", "V3+"])
def test_one_image_in_training(spec):
    x = paddle.randn([1, 3, 64, 64])
    model = build_model(spec, num_classes=4)
    with pytest.raises(ValueError, match=r"'aspp\.image_pool\.bn'"):
        model(x)
    freeze_bn(model)
    assert bool(paddle.isfinite(model(x)["out"]).all())
    without = build_model({**spec, "image_pool_norm": False}, num_classes=4)
    assert bool(paddle.isfinite(without(x)["out"]).all())


def test_freeze_bn_reaches_every_norm():
    """The course froze the first norm of each unit only."""
    model = build_model(SMALL, num_classes=4)
    norms = [layer for layer in model.sublayers() if isinstance(layer, BatchNorm)]
    assert freeze_bn(model) == len(norms) > 50
    before = [norm._mean.numpy() for norm in norms]
    model.train()
    model(paddle.randn([2, 3, 64, 64]))["out"].mean().backward()
    assert all((a == norm._mean.numpy()).all() for a, norm in zip(before, norms))
    assert all(norm.weight.stop_gradient and norm.bias.stop_gradient for norm in norms)


@pytest.mark.parametrize("setting", [*FREEZE_BN, False])
def test_freezing_by_the_words_of_a_recipe(setting):
    model = build_model(SMALL, num_classes=4)
    norms = {name: layer for name, layer in model.named_sublayers() if isinstance(layer, BatchNorm)}
    alone, affine = FREEZE_BN.get(setting, (False, False))
    frozen = {name for name in norms if setting and (name.startswith("backbone.") or not alone)}
    assert 0 < sum(name.startswith("backbone.") for name in norms) < len(norms)
    assert apply_freeze_bn(model, setting) == len(frozen)
    before = {name: norm._mean.numpy() for name, norm in norms.items()}
    model.train()
    model(paddle.randn([2, 3, 64, 64]))["out"].mean().backward()
    assert {name for name, norm in norms.items() if (norm._mean.numpy() == before[name]).all()} == frozen
    still = {name for name, norm in norms.items() if norm.weight.stop_gradient and norm.bias.stop_gradient}
    assert still == (frozen if affine else set())


def test_freezing_by_a_word_that_is_none():
    with pytest.raises(ConfigError, match="freeze_bn 'head' is unknown; one of False, True, statistics, backbone"):
        apply_freeze_bn(build_model(SMALL, num_classes=2), "head")


def test_learning_rate_groups_partition_the_parameters():
    model = build_model({**SMALL, "aux": True}, num_classes=4)
    groups = model.parameter_groups(head_lr_mult=10.0)
    assert sorted(g["learning_rate"] for g in groups) == [1.0, 10.0]
    ids = [id(p) for g in groups for p in g["params"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in model.parameters() if not p.stop_gradient}
    backbone = {id(p) for p in model.backbone.parameters() if not p.stop_gradient}
    assert {id(p) for g in groups if g["learning_rate"] == 1.0 for p in g["params"]} == backbone


def test_aux_reads_stage_three_behind_a_cascade_too():
    model = build_model({**SMALL, "cascade": 1, "aux": True}, num_classes=4)
    assert model.aux_head.conv.conv.weight.shape[1] == model.backbone.out_channels[2]
    outputs = model(paddle.randn([2, 3, 65, 97]))
    assert {name: list(v.shape) for name, v in outputs.items()} == {n: [2, 4, 65, 97] for n in ("out", "aux")}


@pytest.mark.parametrize("separable", [True, False])
def test_decoder_joins_304_channels_at_stride_4(separable):
    model = lazy_model({"type": "DeepLabV3P", "separable": separable}, num_classes=21)
    first = model.decoder[0].depthwise if separable else model.decoder[0]
    assert first.conv.weight.shape == ([304, 1, 3, 3] if separable else [256, 304, 3, 3])
    small = build_model({**PLUS, "separable": separable}, num_classes=4)
    sizes = []
    small.classifier.register_forward_pre_hook(lambda layer, inputs: sizes.append(list(inputs[0].shape)))
    small.eval()
    assert list(small(paddle.randn([1, 3, 65, 98]))["out"].shape) == [1, 4, 65, 98]
    assert sizes == [[1, 8, 17, 25]]


def test_decoder_without_its_low_level_map():
    """Zeroed, the skip leaves a coarse answer that still varies over the image."""
    model = build_model(PLUS, num_classes=4)
    for parameter in model.low_level.parameters():
        parameter.set_value(paddle.zeros_like(parameter))
    model.eval()
    out = model(paddle.randn([1, 3, 96, 128]))["out"]
    assert bool(paddle.isfinite(out).all())
    assert float(out.std()) > 0


@pytest.mark.parametrize(("act", "kind"), [(None, nn.Identity), ("relu", nn.ReLU)])
def test_depthwise_activation(act, kind):
    model = lazy_model({**PLUS, "depthwise_act": act}, num_classes=4)
    separable = [model.decoder[0], model.decoder[1], *list(model.aspp.branches)[1:]]
    assert all(type(layer.depthwise.act) is kind for layer in separable)


def test_fcn_on_resnet():
    model = lazy_model({"type": "FCN", "aux": True}, num_classes=21)
    assert block(model, 4) == [2, 4, 4]  # torchvision's first unit
    assert model.head.conv.conv.weight.shape == [512, 2048, 3, 3]
    assert model.aux_head.conv.conv.weight.shape == [256, 1024, 3, 3]
    small = build_model({"type": "FCN", "backbone": R18, "aux": True}, num_classes=4)
    outputs = small(paddle.randn([1, 3, 33, 47]))  # no norm of one value: one image trains
    assert {name: list(v.shape) for name, v in outputs.items()} == {n: [1, 4, 33, 47] for n in ("out", "aux")}
