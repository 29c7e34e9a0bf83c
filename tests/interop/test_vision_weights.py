"""torchvision's and paddle.vision's weights, in our networks and backbones."""

import numpy as np
import paddle
import pytest

from paddleseg_lite import build_model
from paddleseg_lite.backbones import VGG16, VGG16BN, MobileNetV1, ResNet18
from paddleseg_lite.interop.origin_parity import our_outputs
from paddleseg_lite.interop.vision_weights import from_paddle_vision, from_torchvision
from paddleseg_lite.weights import apply_pretrained, detect_origin, load_strict, write_pdparams
from tests.golden.formula import formula_image, formula_state
from tests.interop.goldens import Golden
from tests.models.checks import undrawn_model

GOLDEN = Golden("torchvision")
SPECS = {
    "fcn": {"type": "FCN", "backbone": "ResNet50", "aux": True},
    "deeplabv3": {"type": "DeepLabV3", "style": "torchvision", "backbone": "ResNet50", "aux": True},
}


@pytest.mark.parametrize("case", list(SPECS))
def test_torchvision_network(case):
    model = undrawn_model(SPECS[case], num_classes=GOLDEN.classes)
    assert sum(int(p.size) for p in model.parameters() if not p.stop_gradient) == GOLDEN.cases[case]["trainable"]
    state = GOLDEN.state(case)
    assert detect_origin(state) == "torchvision"
    conversion = from_torchvision(state, model)
    assert set(conversion.left_out.values()) == {"a counter of torch's batch normalisation"}
    load_strict(model, conversion.state, source="golden")
    del state, conversion  # the network has its own copy
    for mode in ("eval", "heads"):
        GOLDEN.check(case, mode, [array for _, array in our_outputs(model, GOLDEN.image(case), mode)])


def test_torchvision_resnet():
    state, backbone = GOLDEN.state("resnet18"), ResNet18()
    conversion = from_torchvision(state, backbone)
    assert {k for k in conversion.left_out if not k.endswith("num_batches_tracked")} == {"fc.weight", "fc.bias"}
    load_strict(backbone, conversion.state, source="golden")
    backbone.eval()
    feature = backbone(paddle.to_tensor(GOLDEN.image("resnet18")))[-1].numpy().mean((2, 3))
    GOLDEN.check("resnet18", "eval", [feature @ state["fc.weight"].T + state["fc.bias"]])


def vision(network):
    """A network of paddle.vision with formula weights, its state, and its features in eval mode."""
    state = formula_state({k: v.shape for k, v in network.state_dict().items()}, {r"bn[23]\.weight": 0.3})
    network.set_state_dict(state)
    network.eval()
    return state


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (lambda: ResNet18(), lambda m: m.resnet18(num_classes=0, with_pool=False)),
        (lambda: VGG16(), lambda m: m.VGG(m.vgg.make_layers(m.vgg.cfgs["D"]), num_classes=0, with_pool=False)),
        (
            lambda: VGG16BN(),
            lambda m: m.VGG(m.vgg.make_layers(m.vgg.cfgs["D"], batch_norm=True), num_classes=0, with_pool=False),
        ),
        (
            lambda: MobileNetV1(act="relu", alpha=0.5),
            lambda m: m.MobileNetV1(scale=0.5, num_classes=0, with_pool=False),
        ),
    ],
    ids=["resnet18", "vgg16", "vgg16_bn", "mobilenetv1"],
)
def test_paddle_vision(ours, theirs):
    network, backbone = theirs(paddle.vision.models), ours()
    state = vision(network)
    assert detect_origin(state) == "paddle.vision"
    conversion = from_paddle_vision(state, backbone)
    assert not conversion.left_out
    load_strict(backbone, conversion.state, source="paddle.vision")
    backbone.eval()
    x = paddle.to_tensor(formula_image(1, 3, 64, 96))
    with paddle.no_grad():
        expected = network(x).numpy()
        found = backbone(x)[-1].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("origin", ["torchvision", "paddle.vision"])
def test_vgg_classifier_becomes_convolutions(origin, tmp_path):
    """fc6 and fc7 of a narrow VGG16 (8 channels, 64 hidden) compute the same as convolutions."""
    shapes = {
        "classifier.0.weight": (64, 8 * 49),
        "classifier.0.bias": (64,),
        "classifier.3.weight": (64, 64),
        "classifier.3.bias": (64,),
        "classifier.6.weight": (10, 64),
        "classifier.6.bias": (10,),
    }
    model = build_model({"type": "FCN32s", "width": 1 / 64, "padding_mode": "same", "num_classes": 3})
    index, channels = 0, 3
    for stage in model.backbone.stages:
        for layer in list(stage)[:-1]:
            out = layer.conv.weight.shape[0]
            shapes[f"features.{index}.weight"], shapes[f"features.{index}.bias"] = (out, channels, 3, 3), (out,)
            index, channels = index + 2, out
        index += 1
    state = formula_state(shapes)
    linear = {k: v for k, v in state.items() if k.startswith("classifier") and v.ndim == 2}
    if origin == "paddle.vision":
        state.update({k: np.ascontiguousarray(v.T) for k, v in linear.items()})
    write_pdparams(tmp_path / "vgg.pdparams", state)
    match = apply_pretrained(model, str(tmp_path / "vgg.pdparams"))
    assert "fc6.weight" in match.matched and "backbone.stages.4.2.conv.weight" in match.matched
    x = np.random.default_rng(0).normal(size=[2, 8, 7, 7]).astype("float32")
    found = model.fc6(paddle.to_tensor(x)).numpy()[:, :, 3, 3]  # padded by 3: the centre sees all of the map
    expected = x.reshape(2, -1) @ linear["classifier.0.weight"].T + state["classifier.0.bias"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(model.fc7.weight.numpy()[:, :, 0, 0], linear["classifier.3.weight"])
