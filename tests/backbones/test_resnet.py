"""ResNet and MobileNetV1: published parameter counts, strides, dilations, and the disagreeing conventions."""

import paddle
import pytest
from paddle import nn

from paddleseg_lite import backbones as B
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.registry import BACKBONES


def count(layer):
    return sum(p.size for p in layer.parameters() if not p.stop_gradient)


def lazy(cls, **kwargs):
    """Build without drawing weights: shapes are all a count needs."""
    with paddle.LazyGuard():
        return cls(**kwargs)


def size_of(shape_of_out, backbone, size):
    with paddle.no_grad():
        backbone.eval()
        return list(backbone(paddle.zeros([1, 3, size, size]))[shape_of_out].shape[2:])


@pytest.mark.parametrize(
    ("cls", "kwargs", "expected"),
    [
        (B.ResNet18, {}, 11_689_512 - 513_000),
        (B.ResNet34, {}, 21_797_672 - 513_000),
        (B.ResNet50, {}, 23_508_032),
        (B.ResNet50, {"output_stride": 8}, 23_508_032),
        (B.ResNet50, {"output_stride": 16, "multi_grid": (1, 2, 4)}, 23_508_032),
        (B.ResNet101, {"output_stride": 8}, 42_500_160),
        (B.ResNet50, {"deep_stem": (64, 64, 128)}, 23_631_808),
        (B.ResNet101, {"deep_stem": (64, 64, 128)}, 42_623_936),
        (B.MobileNetV1, {}, 3_206_976),
        (B.MobileNetV1, {"output_stride": 8, "tf_padding": True}, 3_206_976),
    ],
)
def test_parameter_counts(cls, kwargs, expected):
    assert count(lazy(cls, **kwargs)) == expected


@pytest.mark.parametrize(("name", "channels"), [("ResNet18", 16), ("ResNet34", 16), ("ResNet50", 64)])
@pytest.mark.parametrize(("output_stride", "strides"), [(32, [4, 8, 16, 32]), (16, [4, 8, 16, 16]), (8, [4, 8, 8, 8])])
def test_maps_have_the_declared_channels_and_strides(name, channels, output_stride, strides):
    backbone = BACKBONES.build({"type": name, "width": 0.25, "output_stride": output_stride, "in_channels": 1})
    backbone.eval()
    assert backbone.strides == strides
    assert backbone.out_channels == [channels * 2**i for i in range(4)]
    for feature, c, s in zip(backbone(paddle.randn([2, 1, 65, 97])), backbone.out_channels, strides):
        assert list(feature.shape) == [2, c, -(-65 // s), -(-97 // s)]


@pytest.mark.parametrize(("output_stride", "size", "expected"), [(16, 513, 33), (8, 513, 65), (8, 473, 60)])
def test_sizes_named_in_the_papers(output_stride, size, expected):
    backbone = B.ResNet18(width=0.0625, output_stride=output_stride)
    assert size_of(3, backbone, size) == [expected, expected]


@pytest.mark.parametrize("cls", [B.ResNet18, B.ResNet50, B.ResNet50_vd, B.MobileNetV1])
def test_state_dict_is_the_same_at_every_output_stride(cls):
    keys = [{k: tuple(v.shape) for k, v in lazy(cls, output_stride=s).state_dict().items()} for s in (8, 16, 32)]
    assert keys[0] == keys[1] == keys[2]


def dilations(stage):
    return [unit.conv2.conv._dilation[0] for unit in stage]


@pytest.mark.parametrize(
    ("kwargs", "stage3", "stage4"),
    [
        ({}, [2] * 6, [4] * 3),
        ({"first_block_dilation": "previous"}, [1] + [2] * 5, [2, 4, 4]),
        ({"first_block_dilation": "one"}, [1] + [2] * 5, [1, 4, 4]),
        ({"multi_grid": (1, 2, 4)}, [2] * 6, [4, 8, 16]),
        ({"multi_grid": (1, 2, 4), "output_stride": 16}, [1] * 6, [2, 4, 8]),
        ({"dilations": (1, 1, 2, 1), "multi_grid": (1, 2, 4)}, [2] * 6, [1, 2, 4]),  # the course's
    ],
)
def test_dilation_conventions(kwargs, stage3, stage4):
    backbone = lazy(B.ResNet50, **{"output_stride": 8, **kwargs})
    assert dilations(backbone.stages[2]) == stage3
    assert dilations(backbone.stages[3]) == stage4


def test_dilated_units_keep_their_padding_equal_to_the_dilation():
    for layer in lazy(B.ResNet50, output_stride=8, multi_grid=(1, 2, 4)).sublayers():
        if isinstance(layer, nn.Conv2D) and layer.weight.shape[2] == 3:
            assert layer._padding == [layer._dilation[0]] * 2


@pytest.mark.parametrize(
    ("output_stride", "strides", "rates"),
    [
        (8, [4, 8, 8, 8, 8, 8, 8], [4, 8, 16, 32]),
        (16, [4, 8, 16, 16, 16, 16, 16], [2, 4, 8, 16]),
        (64, [4, 8, 16, 32, 64, 64, 64], [1, 1, 2, 4]),
        (256, [4, 8, 16, 32, 64, 128, 256], [1, 1, 1, 1]),
    ],
)
def test_cascade_strides_first_and_then_doubles_the_dilation(output_stride, strides, rates):
    backbone = lazy(B.ResNet50, cascade=3, output_stride=output_stride, multi_grid=(1, 2, 1))
    assert backbone.strides == strides
    assert [dilations(s) for s in list(backbone.stages)[3:]] == [[r, 2 * r, r] for r in rates]


def test_position_of_the_stride():
    on_3x3, on_1x1 = lazy(B.ResNet50), lazy(B.ResNet50, stride_on_1x1=True)
    strides = [(b.stages[1][0].conv1.conv._stride[0], b.stages[1][0].conv2.conv._stride[0]) for b in (on_3x3, on_1x1)]
    assert strides == [(1, 2), (2, 1)]


def test_ceil_mode_of_the_stem_shows_on_even_sizes():
    assert size_of(0, B.ResNet18(width=0.0625), 512) == [128, 128]
    assert size_of(0, B.ResNet18(width=0.0625, ceil_mode=True), 512) == [129, 129]


def test_vd_pools_before_strided_shortcuts_only():
    backbone = lazy(B.ResNet50_vd, output_stride=8)
    assert [c.conv.weight.shape[0] for c in list(backbone.stem)[:3]] == [32, 32, 64]
    assert isinstance(backbone.stages[1][0].pool, nn.AvgPool2D)  # stride 2
    assert backbone.stages[1][0].shortcut.conv._stride == [1, 1]
    for index in (0, 2, 3):  # stride 1
        assert isinstance(backbone.stages[index][0].pool, nn.Identity)


def test_kaiming_fan_out_initialisation():
    weight = B.ResNet18(width=0.5).stages[3][1].conv2.conv.weight
    assert float(weight.std()) == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"type": "ResNet50", "output_stride": 4}, "output_stride 4"),
        ({"type": "ResNet50", "multi_grid": (1, 2)}, "has 3 units"),
        ({"type": "ResNet50", "first_block_dilation": "sam"}, "same, previous, one"),
        ({"type": "ResNet50", "output_strides": 8}, "Did you mean 'output_stride'"),
        ({"type": "ResNet51"}, "Did you mean 'ResNet50'"),
        ({"type": "MobileNetV1", "output_stride": 4}, "8, 16, 32"),
    ],
)
def test_impossible_choices_name_the_remedy(spec, words):
    with pytest.raises(ConfigError, match=words):
        BACKBONES.build(spec)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("tf_padding", [False, True])
def test_mobilenet_maps(output_stride, tf_padding):
    backbone = B.MobileNetV1(alpha=0.125, output_stride=output_stride, tf_padding=tf_padding)
    backbone.eval()
    assert backbone.strides == [min(s, output_stride) for s in (2, 4, 8, 16, 32)]
    assert backbone.out_channels == [8, 16, 32, 64, 128]
    for feature, s in zip(backbone(paddle.randn([1, 3, 64, 96])), backbone.strides):
        assert list(feature.shape[2:]) == [64 // s, 96 // s]
