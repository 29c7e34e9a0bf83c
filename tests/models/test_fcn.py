"""FCN-32s, -16s, -8s: crops that follow from geometry, bilinear deconvolution, counts, recipes."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

import paddleseg_lite.graph  # noqa: F401  (registers context units)
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.layers import bilinear_kernel
from paddleseg_lite.models import build_model
from paddleseg_lite.optim.optimizers import build_optimizer
from paddleseg_lite.registry import BACKBONES
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

NETWORKS = ["FCN32s", "FCN16s", "FCN8s"]
MODES = ["pad100", "same"]
SMALL = {"width": 1 / 32}


def small(name="FCN8s", **more):
    return build_model({"type": name, **SMALL, **more}, num_classes=3)


@pytest.mark.parametrize(
    ("name", "expected", "without_deconvolutions"),
    [("FCN32s", 136_152_917, 134_346_581), ("FCN16s", 134_815_994, 134_357_354), ("FCN8s", 134_489_759, 134_362_751)],
)
@pytest.mark.parametrize("mode", MODES)
def test_counts(name, expected, without_deconvolutions, mode):
    spec = {"type": name, "padding_mode": mode}
    assert count(lazy_model(spec, num_classes=21)) == expected
    assert count(lazy_model({**spec, "freeze_upsample": True}, num_classes=21)) == without_deconvolutions


def test_course_count():
    model = lazy_model("course_fcn8s")
    assert count(model) == 135_558_673
    assert model.num_classes == 59


def centre_map(layers):
    """``(a, b)``: index i of the last layer's output is centred on input pixel ``a i + b``."""
    a, b = 1.0, 0.0
    for layer in layers:
        if isinstance(layer, (nn.Conv2D, nn.MaxPool2D)):
            kernel, stride, padding, dilation = geometry(layer)
            b += a * (dilation * (kernel - 1) / 2 - padding)
            a *= stride
    return a, b


def after(position, deconv):
    """The centre map of ``deconv``'s output."""
    kernel, stride, padding, _ = geometry(deconv)
    step = position[0] / stride
    return step, position[1] - step * ((kernel - 1) / 2 - padding)


@pytest.mark.parametrize(("name", "expected"), [("FCN32s", [19]), ("FCN16s", [5, 27]), ("FCN8s", [5, 9, 31])])
def test_crop_offsets_follow_from_the_layers(name, expected):
    """T-FCN-1. Walk the real layers; the offsets are where centres coincide."""
    model = small(name)
    stages = model.backbone.stages
    position, offsets = centre_map([*stages.sublayers(), model.fc6]), []
    for stage_index, deconv in zip(model.skip_stages, model.upscores):
        position = after(position, deconv)
        step, start = centre_map(stages[: stage_index + 1].sublayers())
        assert step == position[0]
        offsets.append((position[1] - start) / step)  # the skip is larger and cropped
    step, start = after(position, model.upscores[-1])
    assert step == 1
    offsets.append(-start)  # the upsampled scores are larger than the image and cropped
    assert offsets == expected == [*(crop for _, crop in model.skips), model.last[1]]


def test_receptive_field_404():
    model = small()
    assert receptive_field([*model.backbone.sublayers(), model.fc6]) == (404, 32)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NETWORKS)
def test_output_has_the_input_size(name, mode):
    """T-FCN-2."""
    model = small(name, padding_mode=mode)
    model.eval()
    for n in (1, 31, 32, 33, 65, 97, 224):
        with paddle.no_grad():
            assert list(model(paddle.randn([1, 3, n, n]))["out"].shape) == [1, 3, n, n]


def caffe_sizes(n, ceil):
    """Sizes of pool3, pool4 and fc6 with 100 pixels of padding."""
    n, sizes = n + 198, []
    for _ in range(5):
        n = -(-n // 2) if ceil else n // 2
        sizes.append(n)
    return sizes[2], sizes[3], n - 6


def test_floor_pooling_breaks_the_crops_and_ceil_does_not():
    """Why pad100 needs pooling that rounds up: the sweep over sizes 1 to 1200."""
    empty, breaks32, breaks16, breaks8 = (dict.fromkeys((True, False), 0) for _ in range(4))
    for ceil in (True, False):
        for n in range(1, 1201):
            pool3, pool4, score = caffe_sizes(n, ceil)
            empty[ceil] += score < 1
            up2 = 2 * (score - 1) + 4
            breaks32[ceil] += 32 * (score - 1) + 64 < 19 + n
            breaks16[ceil] += pool4 < 5 + up2 or 16 * (up2 - 1) + 32 < 27 + n
            up4 = 2 * (up2 - 1) + 4
            breaks8[ceil] += pool4 < 5 + up2 or pool3 < 9 + up4 or 8 * (up4 - 1) + 16 < 31 + n
    assert (empty[True], breaks32[True], breaks16[True], breaks8[True]) == (0, 0, 0, 0)
    assert (empty[False], breaks32[False], breaks16[False]) == (25, 447, 148)
    pools = [layer for layer in small().sublayers() if isinstance(layer, nn.MaxPool2D)]
    assert [pool.ceil_mode for pool in pools] == [True] * 5


@pytest.mark.parametrize("factor", [2, 8, 16, 32])
def test_bilinear_deconvolution_interpolates(factor):
    """T-FCN-3. Exact inside; everywhere once the border is replicated and cropped."""
    k = 2
    weight = bilinear_kernel(k, k, 2 * factor)
    assert weight[0, 0].sum() == factor**2 and (weight[0, 1] == 0).all()
    x = paddle.randn([1, k, 6, 5])
    weight = paddle.to_tensor(weight)
    expected = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    y = F.conv2d_transpose(x, weight, stride=factor, padding=factor // 2)
    f = factor // 2
    assert float((y - expected)[:, :, f:-f, f:-f].abs().max()) <= 1e-6
    replicated = F.pad(x, [1, 1, 1, 1], mode="replicate")
    y = F.conv2d_transpose(replicated, weight, stride=factor, padding=factor // 2)
    assert float((y[:, :, factor:-factor, factor:-factor] - expected).abs().max()) <= 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_deconvolutions_start_bilinear_and_dense(name):
    for layer in small(name).upscores:
        k = layer._kernel_size[0]
        assert list(layer.weight.shape) == [3, 3, k, k] and layer._groups == 1 and layer.bias is None
        np.testing.assert_array_equal(layer.weight.numpy(), bilinear_kernel(3, 3, k))
        assert not layer.weight.stop_gradient
    assert all(layer.weight.stop_gradient for layer in small(name, freeze_upsample=True).upscores)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NETWORKS)
def test_zero_scores_give_zero_everywhere(name, mode):
    """T-FCN-4: the initial state, since score layers start at zero."""
    model = small(name, padding_mode=mode)
    model.eval()
    assert bool((model(paddle.randn([2, 3, 65, 97]))["out"] == 0).all())


def test_8s_without_skip_scores_is_cascaded_bilinear():
    """T-FCN-5. The score map of fc7 interpolated x2, x2, x8, wherever no border reaches."""
    model = small()
    model.eval()
    model.score_fr.weight.set_value(paddle.randn(model.score_fr.weight.shape))
    seen = {}
    model.score_fr.register_forward_post_hook(lambda layer, inputs, output: seen.update(score=output))
    with paddle.no_grad():
        out = model(paddle.randn([1, 3, 96, 96]))["out"]
        y = seen["score"]
        for factor in (2, 2, 8):
            y = F.interpolate(y, scale_factor=factor, mode="bilinear", align_corners=False)
    # Each unpadded deconvolution starts f/2 before the interpolation: 1 * 16 + 1 * 8 + 4 = 28, and 31 is cropped.
    inside = slice(32, 64)
    expected = y[:, :, 32 + 3 : 64 + 3, 32 + 3 : 64 + 3]
    np.testing.assert_allclose(out[:, :, inside, inside].numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)
    assert float(expected.std()) > 0


def test_same_mode_keeps_a_constant():
    """T-FCN-6."""
    model = small(padding_mode="same")
    model.eval()
    model.score_fr.bias.set_value(paddle.to_tensor([1.0, -2.0, 0.5]))
    with paddle.no_grad():
        out = model(paddle.randn([1, 3, 128, 160]))["out"]
    inside = out[:, :, 32:-32, 32:-32]
    expected = paddle.to_tensor([1.0, -2.0, 0.5]).reshape([1, 3, 1, 1]).expand_as(inside)
    np.testing.assert_allclose(inside.numpy(), expected.numpy(), atol=1e-6)


def test_skip_scales_act_on_the_scored_maps():
    """At-once FCN-8s: 0.01 on pool4 and 0.0001 on pool3 equal that factor on the score weights."""
    plain, scaled = small(), small(skip_scales=(1e-2, 1e-4))
    state = {k: paddle.randn(v.shape) * 0.1 for k, v in plain.state_dict().items()}
    scaled.set_state_dict(state)
    state["score_skips.0.weight"] *= 1e-2
    state["score_skips.1.weight"] *= 1e-4
    plain.set_state_dict(state)
    plain.eval(), scaled.eval()
    x = paddle.randn([1, 3, 64, 64])
    np.testing.assert_allclose(plain(x)["out"].numpy(), scaled(x)["out"].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("backbone", ["VGG16", "VGG16BN"])
@pytest.mark.parametrize("name", NETWORKS)
def test_sizes(name, backbone, mode):
    check_sizes({"type": name, "backbone": backbone, "padding_mode": mode, **SMALL})


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients(name):
    check_gradients({"type": name, **SMALL, "dropout": 0.0})
    check_gradients({"type": name, "backbone": "VGG16BN", "padding_mode": "same", **SMALL})


def test_save_load_and_registration(tmp_path):
    check_save_load({"type": "FCN8s", "backbone": "VGG16BN", **SMALL}, tmp_path)
    check_all_layers_in_state(small())


@pytest.mark.parametrize("position", ["deep", "stage3", "stage5"])
def test_context_slot(position):
    model = check_context({"type": "FCN8s", **SMALL}, {"type": "GloRe", "num_state": 8, "num_nodes": 4}, position)
    assert model.context.unit is not None


def test_any_backbone_of_stride_32_in_same_mode():
    check_sizes({"type": "FCN8s", "backbone": "ResNet18", "padding_mode": "same", **SMALL}, sizes=[(65, 97)])


def test_backbones_that_cannot_work():
    with pytest.raises(ConfigError, match=r"pad100.*padding_mode: same"):
        small(backbone="ResNet18")
    with pytest.raises(ConfigError, match=r"needs maps of stride .*output_stride 32"):
        small(backbone={"type": "ResNet18", "output_stride": 8}, padding_mode="same")
    with pytest.raises(ConfigError, match="'valid' is unknown"):
        small(padding_mode="valid")


def test_recipe_multipliers():
    """Score layers and deconvolutions are the head; biases learn at twice the rate without decay."""
    model = small()
    spec = {
        "type": "Momentum",
        "momentum": 0.99,
        "weight_decay": 5e-4,
        "no_bias_decay": True,
        "custom_cfg": [{"name": "bias", "lr_mult": 2.0}],
    }
    build_optimizer(spec, model, 1e-4)
    for name, p in model.named_parameters():
        assert p.optimize_attr["learning_rate"] == (2.0 if name.endswith("bias") else 1.0)
        if name.endswith("bias"):
            assert p.regularizer._coeff == 0.0
    head = next(g for g in model.parameter_groups(head_lr_mult=10.0) if g["learning_rate"] == 10.0)
    names = {n.split(".")[0] for n, p in model.named_parameters() if any(p is q for q in head["params"])}
    assert names == {"score_fr", "score_skips", "upscores"}


def test_each_net_starts_from_the_coarser_one(tmp_path):
    """The recipe's stages: 16s from 32s, 8s from 16s; what both have is taken over, whatever the share."""
    path = str(tmp_path / "w.pdparams")
    for coarse, fine in (("FCN32s", "FCN16s"), ("FCN16s", "FCN8s")):
        first = small(coarse)
        for p in first.parameters():
            p.set_value(paddle.randn(p.shape))
        paddle.save(first.state_dict(), path)
        second = small(fine, pretrained=path)
        theirs, ours = first.state_dict(), second.state_dict()
        taken = {n for n in ours if n in theirs and ours[n].shape == theirs[n].shape}
        assert all(bool((ours[n] == theirs[n]).all()) for n in taken)
        assert {"score_fr.weight", "fc7.bias"} <= taken
        assert {n.split(".")[0] for n in set(ours) - taken} == {"score_skips", "upscores"}


@pytest.mark.parametrize("spec", [{"type": "FCN8s"}, {"type": "DeepLabV1"}, {"type": "DeepLabV2", "backbone": "VGG16"}])
def test_backbone_weights_alone_are_enough(spec, tmp_path):
    backbone = BACKBONES.build({"type": "VGG16", **SMALL})
    paddle.save(backbone.state_dict(), str(tmp_path / "vgg.pdparams"))
    model = build_model({**spec, **SMALL, "pretrained": str(tmp_path / "vgg.pdparams")}, num_classes=3)
    for name, value in backbone.state_dict().items():
        assert bool((model.backbone.state_dict()[name] == value).all())
