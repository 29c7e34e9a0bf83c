"""Pyramid pooling, ASPP, JPU, SE and the separable convolution: what the papers say of them, exactly."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.layers import ASPP, JPU, ConvBNAct, PyramidPooling, SeparableConv, SqueezeExcite, adaptive_avg_pool


def close(a, b, tolerance=1e-5):
    assert list(a.shape) == list(b.shape)
    assert float((a - b).abs().max()) <= tolerance


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(60, 60), (5, 4), (7, 13), (1, 6)])
def test_adaptive_pooling_equals_paddles(bins, size):
    x = paddle.randn([2, 3, *size])
    close(adaptive_avg_pool(x, bins), F.adaptive_avg_pool2d(x, bins))


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_60_pixels_pool_as_the_prototxt_does(bins):
    x = paddle.randn([1, 2, 60, 60])
    close(adaptive_avg_pool(x, bins), F.avg_pool2d(x, 60 // bins))


@pytest.mark.parametrize("size", [6, 12, 18, 24])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_course_pooling_equals_adaptive_for_multiples_of_six(size, bins):
    """Keras AveragePooling 'same' with kernel and stride round(h / p)."""
    x = paddle.randn([1, 2, size, size])
    close(adaptive_avg_pool(x, bins), F.avg_pool2d(x, round(size / bins)))


def test_pyramid_pools_by_average_and_not_by_maximum():
    x = paddle.zeros([1, 1, 6, 6])
    x[0, 0, 0, 0] = 36.0
    module = PyramidPooling(1, branch_channels=1, bins=(1,), norm_act=False)
    module.branches[0].weight.set_value(paddle.ones([1, 1, 1, 1]))
    assert float(module(x)[0, 1, 3, 3]) == pytest.approx(1.0)
    greatest = PyramidPooling(1, branch_channels=1, bins=(1,), norm_act=False, pool_type="max")
    greatest.branches[0].weight.set_value(paddle.ones([1, 1, 1, 1]))
    assert float(greatest(x)[0, 1, 3, 3]) == pytest.approx(36.0)


def test_pyramid_channels_and_bins():
    module = PyramidPooling(2048)
    assert module.out_channels == 4096
    assert [branch.conv.weight.shape for branch in module.branches] == [[512, 2048, 1, 1]] * 4
    seen = []
    small = PyramidPooling(8)
    for branch in small.branches:
        branch.register_forward_pre_hook(lambda layer, inputs: seen.append(list(inputs[0].shape)))
    small.eval()
    assert list(small(paddle.randn([2, 8, 11, 7])).shape) == [2, 16, 11, 7]
    assert seen == [[2, 8, b, b] for b in (1, 2, 3, 6)]


@pytest.mark.parametrize("align_corners", [False, True])
def test_pyramid_of_a_constant_is_constant(align_corners):
    module = PyramidPooling(8, align_corners=align_corners)
    module.eval()
    y = module(paddle.full([1, 8, 9, 13], 0.7))
    close(y, y[:, :, :1, :1].expand(y.shape))


def test_orders_of_concatenation_are_permutations_of_each_other():
    x = paddle.randn([2, 8, 6, 6])
    modules = {order: PyramidPooling(8, order=order) for order in ("input_first", "reversed", "input_last")}
    state = modules["input_first"].state_dict()
    outputs = {}
    for order, module in modules.items():
        module.set_state_dict(state)
        module.eval()
        outputs[order] = module(x).split([8, 2, 2, 2, 2] if order != "input_last" else [2, 2, 2, 2, 8], axis=1)
    first, reverse, last = outputs["input_first"], outputs["reversed"], outputs["input_last"]
    for a, b in zip(first, [reverse[0], *reverse[:0:-1]]):
        close(a, b)
    for a, b in zip(first, [last[-1], *last[:-1]]):
        close(a, b)
    with pytest.raises(ConfigError, match="input_first, reversed, input_last"):
        PyramidPooling(8, order="backwards")
    with pytest.raises(ConfigError, match="'avg' or 'max'"):
        PyramidPooling(8, pool_type="mean")


def test_one_value_per_channel_is_refused_in_training_only():
    module = PyramidPooling(8)
    module.train()
    with pytest.raises(ValueError, match="one value per channel"):
        module(paddle.randn([1, 8, 6, 6]))
    assert bool(paddle.isfinite(module(paddle.randn([2, 8, 6, 6]))).all())
    module.eval()
    assert bool(paddle.isfinite(module(paddle.randn([1, 8, 6, 6]))).all())


def test_squeeze_excite_scales_each_channel_by_one_factor():
    gate = SqueezeExcite(32)
    x = paddle.randn([2, 32, 5, 7]) + 3.0
    ratio = gate(x) / x
    close(ratio, ratio[:, :, :1, :1].expand(ratio.shape))
    assert 0.0 < float(ratio.min()) < float(ratio.max()) < 1.0
    assert len(PyramidPooling(8, se=True).state_dict()) > len(PyramidPooling(8).state_dict())


@pytest.mark.parametrize("rate", [1, 6, 12, 18, 24, 36])
def test_aspp_branches_keep_the_size(rate):
    module = ASPP(4, rates=(rate,), out_channels=3)
    for branch in module.branches:
        assert list(branch(paddle.randn([2, 4, 9, 14])).shape) == [2, 3, 9, 14]


@pytest.mark.parametrize(("size", "rate"), [(5, 5), (5, 12), (7, 8)])
def test_a_rate_as_large_as_the_map_degenerates_to_1x1(size, rate):
    """DeepLab V3, section 3.3: only the centre tap meets the image."""
    branch = ConvBNAct(3, 4, 3, dilation=rate, bias=True)
    x = paddle.randn([2, 3, size, size])
    centre = F.conv2d(x, branch.conv.weight[:, :, 1:2, 1:2], branch.conv.bias)
    close(branch.conv(x), centre)


def test_image_pooling_is_spatially_constant_and_works_for_one_image():
    module = ASPP(4, rates=(1,), out_channels=3)
    seen = []
    module.project.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    module.eval()
    module(paddle.randn([1, 4, 9, 14]))
    pooled = seen[0][:, -3:]
    close(pooled, pooled[:, :, :1, :1].expand(pooled.shape), 1e-7)


def test_image_pooling_in_training():
    x = paddle.randn([1, 4, 9, 9])
    module = ASPP(4, out_channels=3)
    with pytest.raises(ValueError, match="image_pool_norm=False"):
        module(x)
    assert bool(paddle.isfinite(ASPP(4, out_channels=3, image_pool_norm=False)(x)).all())
    assert bool(paddle.isfinite(ASPP(4, out_channels=3, image_pool=False)(x)).all())


def test_concatenation_then_1x1_is_the_sum_of_1x1s():
    maps = [paddle.randn([1, 3, 5, 5]) for _ in range(3)]
    fuse = nn.Conv2D(9, 4, 1)
    parts = fuse.weight.split(3, axis=1)
    apart = sum(F.conv2d(m, w) for m, w in zip(maps, parts))
    close(fuse(paddle.concat(maps, axis=1)), apart + fuse.bias.reshape([1, 4, 1, 1]))


@pytest.mark.parametrize("depthwise_act", [None, "relu", "relu6"])
def test_separable_convolution_is_grouped_then_pointwise(depthwise_act):
    layer = SeparableConv(4, 6, dilation=2, depthwise_act=depthwise_act)
    layer.eval()
    x = paddle.randn([2, 4, 9, 8])
    y = F.conv2d(x, layer.depthwise.conv.weight, padding=2, dilation=2, groups=4)
    y = layer.depthwise.bn(y)
    y = {None: lambda t: t, "relu": F.relu, "relu6": F.relu6}[depthwise_act](y)
    y = F.relu(layer.pointwise.bn(F.conv2d(y, layer.pointwise.conv.weight)))
    close(layer(x), y)


def test_jpu_joins_at_the_finest_map():
    module = JPU([4, 6, 8], width=5)
    module.eval()
    maps = [paddle.randn([2, c, s, s + 1]) for c, s in ((4, 12), (6, 6), (8, 3))]
    assert list(module(maps).shape) == [2, 20, 12, 13]
    assert [branch.depthwise.conv._dilation[0] for branch in module.dilated] == [1, 2, 4, 8]


def test_bias_in_front_of_bn_where_asked():
    def biases(module):
        return sum(name.endswith("conv.bias") for name in module.state_dict())

    assert biases(ASPP(4, out_channels=3)) == 0
    assert biases(ASPP(4, out_channels=3, conv_bias=True)) == 5
    assert biases(ASPP(4, out_channels=3, conv_bias=True, image_pool_bias=True)) == 6
    assert biases(ASPP(4, out_channels=3, conv_bias=True, separable=True)) == 8
    assert biases(PyramidPooling(4, conv_bias=True)) == 4


def test_bin_matrices_average():
    from paddleseg_lite.layers.pyramid import _bin_matrix

    assert np.allclose(_bin_matrix(13, 6).sum(1), 1.0)
