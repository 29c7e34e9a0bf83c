"""VGG16: published parameter counts, the three layouts, receptive fields; unpooling."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddleseg_lite.backbones import VGG16, VGG16BN
from paddleseg_lite.backbones.indexed import IndexedMaxPool, Place, round_up
from paddleseg_lite.backbones.vgg_classifier import fc6_as_convolution, fc7_as_convolution
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.layers import max_unpool_2x2
from paddleseg_lite.registry import BACKBONES
from tests.models.checks import check_all_layers_in_state, count, geometry, lazy_model, receptive_field

SMALL = 1 / 16


def convolutions(backbone):
    return [layer for layer in backbone.sublayers() if isinstance(layer, nn.Conv2D)]


@pytest.mark.parametrize(("name", "expected"), [("VGG16", 14_714_688), ("VGG16BN", 14_723_136)])
def test_feature_counts(name, expected):
    for layout in ("classify", "fcn", "fcn_same", "deeplab"):
        with paddle.LazyGuard():
            assert count(BACKBONES.build({"type": name, "layout": layout})) == expected


@pytest.mark.parametrize(("name", "expected"), [("VGG16", 138_357_544), ("VGG16BN", 138_365_992)])
def test_counts_with_the_imagenet_classifier_are_the_published_ones(name, expected):
    """fc6, fc7, fc8 as convolutions for 1000 classes are DeepLab's 7x7 head."""
    model = lazy_model({"type": "DeepLabV1", "backbone": name, "head": "7x7"}, num_classes=1000)
    assert count(model) == expected


def test_conv_bias_can_be_left_out_in_front_of_bn():
    with paddle.LazyGuard():
        assert count(VGG16BN()) - count(VGG16BN(conv_bias=False)) == 4224  # 64*2 + 128*2 + 256*3 + 512*6


@pytest.mark.parametrize(
    ("layout", "size", "expected"),
    [
        ("classify", 224, [112, 56, 28, 14, 7]),
        ("classify", 97, [48, 24, 12, 6, 3]),
        ("fcn", 500, [349, 175, 88, 44, 22]),
        ("fcn_same", 97, [49, 25, 13, 7, 4]),
        ("deeplab", 321, [161, 81, 41, 41, 41]),
        ("deeplab", 64, [32, 16, 8, 8, 8]),
    ],
)
def test_sizes_of_each_layout(layout, size, expected):
    backbone = VGG16(width=1 / 64, layout=layout)
    with paddle.no_grad():
        features = backbone(paddle.zeros([1, 3, size, 37]))
    assert [f.shape[2] for f in features] == expected
    assert [f.shape[1] for f in features] == backbone.out_channels == [1, 2, 4, 8, 8]


def test_strides_and_channels():
    assert VGG16(width=SMALL).strides == [2, 4, 8, 16, 32]
    assert VGG16(width=SMALL, layout="deeplab").strides == [2, 4, 8, 8, 8]
    with paddle.LazyGuard():
        assert VGG16().out_channels == [64, 128, 256, 512, 512]


def test_receptive_fields():
    """The recursion over real layers: 212 at pool5, 227 with DeepLab's pooling and dilated conv5."""
    assert receptive_field(VGG16(width=SMALL).sublayers()) == (212, 32)
    assert receptive_field(VGG16(width=SMALL, layout="deeplab").sublayers()) == (227, 8)


def test_only_conv5_is_dilated_and_only_conv1_1_is_padded_by_100():
    rates = [geometry(c)[3] for c in convolutions(VGG16(width=SMALL, layout="deeplab"))]
    assert rates == [1] * 10 + [2] * 3
    paddings = [geometry(c)[2] for c in convolutions(VGG16(width=SMALL, layout="fcn"))]
    assert paddings == [100] + [1] * 12


@pytest.mark.parametrize("name", ["VGG16", "VGG16BN"])
@pytest.mark.parametrize("in_channels", [1, 4])
def test_gradients_and_registration(name, in_channels):
    backbone = BACKBONES.build({"type": name, "width": SMALL, "in_channels": in_channels})
    check_all_layers_in_state(backbone)
    backbone(paddle.randn([2, in_channels, 64, 64]))[-1].square().sum().backward()
    for parameter_name, p in backbone.named_parameters():
        if not p.stop_gradient and not (name == "VGG16BN" and parameter_name.endswith("conv.bias")):
            assert bool((p.grad != 0).any()), parameter_name


def test_bn_has_the_course_corrected_momentum():
    """0.1 in Keras' convention is a slip; Paddle's weight on the old value is 0.9."""
    norms = [layer for layer in VGG16BN(width=SMALL).sublayers() if isinstance(layer, nn.BatchNorm2D)]
    assert len(norms) == 13
    assert all(norm._momentum == 0.9 and norm._epsilon == 1e-5 for norm in norms)


def test_unknown_layout():
    with pytest.raises(ConfigError, match=r"'deeplap' is unknown.*Did you mean 'deeplab'"):
        VGG16(layout="deeplap")


UNPOOL_SIZES = [(1, 1), (2, 1), (1, 5), (5, 1), (3, 3), (4, 6), (5, 4), (7, 9), (33, 47)]


@pytest.mark.parametrize(
    ("size", "ceil_mode"), [(s, ceil) for s in UNPOOL_SIZES for ceil in (True, False) if ceil or min(s) > 1]
)
def test_unpooling_puts_values_back_at_any_size(size, ceil_mode):
    for ties in (False, True):
        x = paddle.randn([2, 3, *size])
        x = F.relu(x) if ties else x
        pooled, place = IndexedMaxPool(ceil_mode=ceil_mode)(x)
        indices, pooled.stop_gradient = place.indices, False
        y = max_unpool_2x2(pooled, indices, size)
        grad = paddle.randn(y.shape)
        (grad_pooled,) = paddle.grad(y, pooled, grad)

        flat = indices.numpy().reshape(2, 3, -1)  # the reference: a scatter in NumPy
        expected = np.zeros([2, 3, size[0] * size[1]], "float32")
        np.put_along_axis(expected, flat, pooled.numpy().reshape(2, 3, -1), axis=-1)
        np.testing.assert_array_equal(y.numpy().reshape(2, 3, -1), expected)
        expected_grad = np.take_along_axis(grad.numpy().reshape(2, 3, -1), flat, axis=-1)
        np.testing.assert_array_equal(grad_pooled.numpy().reshape(2, 3, -1), expected_grad)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("size", [(5, 8), (8, 5), (7, 9), (6, 4), (1, 1), (1, 2)])
def test_indexed_pooling_rounds_up(size, by_hand):
    """As max-pooling with ceil_mode, which Paddle 2.6 forgets where it returns indices."""
    x = paddle.randn([2, 3, *size])
    pooled, place = IndexedMaxPool(ceil_mode=True)(x)
    indices = place.indices
    if by_hand:
        pooled, indices = round_up(x)
    np.testing.assert_array_equal(pooled.numpy(), F.max_pool2d(x, 2, 2, ceil_mode=True).numpy())
    taken = np.take_along_axis(x.numpy().reshape(2, 3, -1), indices.numpy().reshape(2, 3, -1), axis=-1)
    np.testing.assert_array_equal(taken, pooled.numpy().reshape(2, 3, -1))
    restored = Place(indices, size).restore(pooled)
    assert restored.shape == x.shape and bool(((restored == 0) | (restored == x)).all())


def test_imagenet_classifier_becomes_convolutions():
    """The fully connected fc6 and its convolution agree on a 7 x 7 map; DeepLab's are a decimation."""
    rng = np.random.default_rng(0)
    fc6, bias = rng.standard_normal([16, 5 * 49]).astype("float32"), rng.standard_normal(16).astype("float32")
    x = rng.standard_normal([1, 5, 7, 7]).astype("float32")
    weight, b = fc6_as_convolution(fc6, bias, channels=16)
    y = F.conv2d(paddle.to_tensor(x), paddle.to_tensor(weight), paddle.to_tensor(b)).numpy()
    np.testing.assert_allclose(y.reshape(-1), fc6 @ x.reshape(-1) + bias, rtol=1e-4, atol=1e-4)
    small, b = fc6_as_convolution(fc6, bias, kernel=3, channels=4)
    np.testing.assert_array_equal(small, weight[::4][:, :, ::3, ::3])
    np.testing.assert_array_equal(b, bias[::4])
    np.testing.assert_array_equal(fc6_as_convolution(fc6, bias, kernel=4, channels=16)[0], weight[:, :, ::2, ::2])
    fc7 = rng.standard_normal([16, 16]).astype("float32")
    np.testing.assert_array_equal(fc7_as_convolution(fc7, bias, channels=4)[0][:, :, 0, 0], fc7[::4, ::4])
    with pytest.raises(ValueError, match="fc6 is"):
        fc6_as_convolution(fc6.T, bias)
