"""PSPNet in its styles, and the progressive variant."""

import paddle
import pytest
from paddle import nn

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from tests.models.checks import lazy_model

R18 = {"type": "ResNet18", "width": 0.125}
SMALL = {"type": "PSPNet", "backbone": R18, "head_channels": 16}


def test_channels_of_the_paper():
    model = lazy_model({"type": "PSPNet"}, num_classes=21)
    assert model.backbone.strides == [4, 8, 8, 8]
    assert model.pyramid.out_channels == 4096
    assert model.head.conv.weight.shape == [512, 4096, 3, 3]
    assert model.aux_head.conv.conv.weight.shape == [256, 1024, 3, 3]
    assert isinstance(model.dropout, nn.Dropout2D)
    assert model.head.conv.bias is None


def test_aux_in_training_only():
    model = build_model(SMALL, num_classes=4)
    x = paddle.randn([2, 3, 65, 97])
    outputs = model(x)
    assert sorted(outputs) == ["aux", "out"]
    assert all(list(v.shape) == [2, 4, 65, 97] for v in outputs.values())
    model.eval()
    assert list(model(x)) == ["out"]
    assert list(build_model({**SMALL, "aux": False}, num_classes=4)(x)) == ["out"]


def test_one_image_in_training_names_the_layer():
    model = build_model(SMALL, num_classes=4)
    with pytest.raises(ValueError, match=r"'pyramid\.branches\.0\.bn' sees one value per channel"):
        model(paddle.randn([1, 3, 64, 64]))
    model.eval()
    assert bool(paddle.isfinite(model(paddle.randn([1, 3, 64, 64]))["out"]).all())


def test_pyramid_parameters_are_saved_and_trained():
    """The course kept its branches in a Python list: they were neither."""
    model = build_model(SMALL, num_classes=4)
    names = [f"pyramid.branches.{i}.{part}.weight" for i in range(4) for part in ("conv", "bn")]
    assert set(names) <= set(model.state_dict())
    model(paddle.randn([4, 3, 64, 64]))["out"].square().mean().backward()
    gradients = dict(model.named_parameters())
    for name in names:
        assert float(gradients[name].grad.abs().max()) > 0, name


def test_output_is_logits():
    model = build_model(SMALL, num_classes=4)
    model.eval()
    sums = model(paddle.randn([1, 3, 64, 64]))["out"].sum(1)
    assert float((sums - 1).abs().max()) > 1e-3  # a softmax would sum to 1
    exponents = model(paddle.randn([1, 3, 64, 64]))["out"].exp().sum(1)
    assert float((exponents - 1).abs().max()) > 1e-3  # and a log-softmax's exponentials


def test_styles():
    semseg = lazy_model({"type": "PSPNet", "style": "semseg"}, num_classes=21)
    assert [layer.conv.weight.shape[0] for layer in list(semseg.backbone.stem)[:3]] == [64, 64, 128]
    assert semseg.align_corners is True
    peer = lazy_model({"type": "PSPNet", "style": "paddleseg"}, num_classes=21)
    assert [layer.conv.weight.shape[0] for layer in list(peer.backbone.stem)[:3]] == [32, 32, 64]
    assert peer.pyramid.order == "reversed"
    assert peer.head.conv.weight.shape[0] == 1024
    assert peer.head.conv.bias is not None
    assert peer.pyramid.branches[0].conv.bias is not None
    assert type(peer.dropout) is nn.Dropout
    with pytest.raises(ConfigError, match="paper, semseg, paddleseg, mobilenet"):
        build_model({"type": "PSPNet", "style": "caffe"}, num_classes=21)


def test_mobilenet_variant():
    spec = {"type": "pspnet_mobilenet", "alpha": 0.125}
    model = build_model(spec, num_classes=5)
    assert model.aux_head is None
    assert model.pyramid.branches[0].conv.weight.shape == [64, 128, 1, 1]  # C / 2, not C / 4
    model.eval()
    for size in ([224, 224], [192, 384], [97, 65]):  # 224 was the course's default, and failed its own check
        assert list(model(paddle.randn([1, 3, *size]))["out"].shape) == [1, 5, *size]


def test_mobilenet_native_output_is_a_quarter():
    model = build_model({"type": "pspnet_mobilenet", "alpha": 0.125, "native_output": True}, num_classes=5)
    x = paddle.randn([2, 3, 192, 192])
    assert list(model(x)["out"].shape) == [2, 5, 48, 48]
    model.eval()
    assert list(model(x)["out"].shape) == [2, 5, 192, 192]


@pytest.mark.parametrize(
    ("options", "epsilon", "momentum", "half_pixel"),
    [
        ({}, 1e-5, 0.9, True),
        ({"faithful": True}, 1e-3, 0.99, False),
        ({"faithful": True, "half_pixel": True}, 1e-3, 0.99, True),
        ({"epsilon": 1e-3, "momentum": 0.95}, 1e-3, 0.95, True),
        ({"half_pixel": False}, 1e-5, 0.9, False),
    ],
)
def test_mobilenet_options_reach_every_norm_and_resize(options, epsilon, momentum, half_pixel):
    model = build_model({"type": "pspnet_mobilenet", "alpha": 0.125, **options}, num_classes=5)
    norms = [layer for layer in model.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    assert {(n._epsilon, n._momentum) for n in norms} == {(epsilon, momentum)} and len(norms) == 27 + 4 + 1
    assert model.half_pixel is model.pyramid.half_pixel is half_pixel


def test_norm_options_reach_the_auxiliary_head_and_leave_a_backbones_own():
    spec = {**SMALL, "backbone": {**R18, "epsilon": 1e-4}, "epsilon": 1e-3, "momentum": 0.99}
    model = build_model(spec, num_classes=4)
    found = {
        (n._epsilon, n._momentum, name.startswith("backbone."))
        for name, n in model.named_sublayers()
        if isinstance(n, nn.BatchNorm2D)
    }
    assert found == {(1e-4, 0.99, True), (1e-3, 0.99, False)}


def test_se_gates_belong_to_the_branches():
    model = build_model({**SMALL, "se": True}, num_classes=4)
    model(paddle.randn([2, 3, 64, 64]))["out"].square().mean().backward()
    gates = [p for name, p in model.named_parameters() if ".gates." in name and name.endswith("weight")]
    assert len(gates) == 8
    assert all(float(p.grad.abs().max()) > 0 for p in gates)


@pytest.mark.parametrize(("backbone", "stage3", "stage4"), [("ResNet18", 256, 512), ("ResNet50", 1024, 2048)])
def test_progressive_widths_follow_the_backbone(backbone, stage3, stage4):
    """The original's defaults were ResNet-34 with the widths of ResNet-50."""
    model = lazy_model({"type": "PSPNetProgressive", "backbone": backbone}, num_classes=21)
    assert model.pyramid.branches[0].weight.shape == [stage4, stage4, 1, 1]
    assert model.bottleneck.weight.shape == [1024, 5 * stage4, 1, 1]
    assert model.presence[0].weight.shape == [stage3, 256]


def test_progressive_outputs():
    spec = {
        "type": "PSPNetProgressive",
        "backbone": R18,
        "bottleneck_channels": 16,
        "up_channels": [8, 8, 8],
        "presence_channels": 8,
    }
    model = build_model(spec, num_classes=5)
    x = paddle.randn([2, 3, 65, 97])
    outputs = model(x)
    assert list(outputs["out"].shape) == [2, 5, 65, 97]
    assert list(outputs["presence"].shape) == [2, 5]
    model.eval()
    assert list(model(x)) == ["out"]
    assert "presence" not in build_model({**spec, "presence_channels": 0}, num_classes=5)(x)


def test_progressive_has_no_norm_in_its_pyramid_and_trains_on_one_image():
    spec = {"type": "PSPNetProgressive", "backbone": R18, "bottleneck_channels": 16, "up_channels": [8, 8, 8]}
    model = build_model(spec, num_classes=5)
    assert not any(isinstance(layer, nn.BatchNorm2D) for layer in model.pyramid.sublayers())
    assert bool(paddle.isfinite(model(paddle.randn([1, 3, 64, 64]))["out"]).all())
