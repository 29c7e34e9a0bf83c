"""What every registered network must do, in a small variant of each.

A network that is registered and not in the table fails here: give it a small
variant. What is particular to one network is tested in its own file.
"""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.data import Scenes
from paddleseg_lite.layers import ConvBNAct, SeparableConv
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import MODELS
from tests.models.checks import (
    awake,
    check_all_layers_in_state,
    check_context,
    check_gradients,
    check_save_load,
    check_static,
    total_loss,
)


def resnet(name="ResNet18", width=0.125, **arguments):
    return {"type": name, "width": width, **arguments}


HEADS = {"backbone": resnet(), "reduce_channels": 16}
NODES = {"num_state": 16, "num_nodes": 8}
SMALL = {
    "DeepLabV1": {"backbone": "VGG16BN", "msc": True, "width": 1 / 32},
    "DeepLabV2": {"backbone": "ResNet50", "width": 1 / 16},
    "DeepLabV3": {"backbone": resnet("ResNet34"), "aspp_channels": 8, "aux": True},
    "DeepLabV3P": {"backbone": resnet(), "aspp_channels": 8, "low_channels": 4, "decoder_channels": 8},
    "ENet": {"width": 0.25},
    "FCN": {"backbone": resnet(), "aux": True},
    "FCN16s": {"width": 1 / 32},
    "FCN32s": {"width": 1 / 32, "padding_mode": "same"},
    "FCN8s": {"width": 1 / 32},
    "GCUNet": {**HEADS, "num_nodes": [2, 4]},
    "GINet": {**HEADS, **NODES},
    "GloRe": {**HEADS, **NODES},
    "PSPNet": {"backbone": resnet(), "head_channels": 16},
    "PSPNetProgressive": {
        "backbone": resnet(),
        "bottleneck_channels": 16,
        "up_channels": [8, 8, 8],
        "presence_channels": 8,
    },
    "SegNet": {"width": 1 / 16},
    "UNet": {"base_channels": 4},
    "course_deeplab": {"backbone": resnet("ResNet34")},
    "course_fcn8s": {"width": 1 / 32, "padding_mode": "same"},
    "deeplab_v3_article": {"backbone": resnet()},
    "enet_course": {"width": 0.25},
    "pspnet_mobilenet": {"alpha": 0.125},
}
VARIANTS = {
    "enet_course faithful": {"type": "enet_course", "width": 0.25, "faithful": True},
    "pspnet_mobilenet faithful": {"type": "pspnet_mobilenet", "alpha": 0.125, "faithful": True},
    "UNet paddleseg": {"type": "UNet", "style": "paddleseg", "base_channels": 4},
    "PSPNet paddleseg": {
        "type": "PSPNet",
        "style": "paddleseg",
        "backbone": resnet("ResNet50_vd", 1 / 16),
        "head_channels": 16,
    },
    "DeepLabV3 cascade": {"type": "DeepLabV3", "cascade": 2, "backbone": resnet(output_stride=64)},
    "DeepLabV3P plain paddleseg": {
        "type": "DeepLabV3P",
        "style": "paddleseg",
        "separable": False,
        "backbone": resnet("ResNet50_vd", 1 / 16),
        "aspp_channels": 8,
        "low_channels": 4,
        "decoder_channels": 8,
    },
    "GINet jpu": {"type": "GINet", **HEADS, **NODES, "jpu": True, "jpu_width": 8},
}
SPECS = {**{name: {"type": name, **arguments} for name, arguments in SMALL.items()}, **VARIANTS}
TRAINING_ONLY = {
    "DeepLabV3": ["aux"],
    "FCN": ["aux"],
    "PSPNet": ["aux"],
    "GloRe": ["aux"],
    "GCUNet": ["aux"],
    "GINet": ["aux", "presence"],
    "PSPNetProgressive": ["presence"],
    "PSPNet paddleseg": ["aux"],
    "DeepLabV3P plain paddleseg": [],
    "GINet jpu": ["aux", "presence"],
}
every = pytest.mark.parametrize("name", list(SPECS))


def test_the_table_is_complete():
    ours = {name for name in MODELS.names() if MODELS.get(name).__module__.startswith("paddleseg_lite.")}
    assert set(SMALL) == ours


@every
@pytest.mark.parametrize(("batch", "channels", "size"), [(1, 1, (33, 47)), (2, 3, (65, 97)), (1, 4, (96, 128))])
def test_eval_output_is_finite_and_of_the_images_size(name, batch, channels, size):
    model = awake(build_model({**SPECS[name], "in_channels": channels}, num_classes=3))
    model.eval()
    with paddle.no_grad():
        outputs = model(paddle.randn([batch, channels, *size]))
    assert list(outputs) == ["out"]
    assert list(outputs["out"].shape) == [batch, 3, *size]
    assert bool(paddle.isfinite(outputs["out"]).all())


@every
def test_training_outputs(name):
    model = build_model(SPECS[name], num_classes=3)
    model.train()
    outputs = model(paddle.randn([2, 3, 65, 97]))
    if name in TRAINING_ONLY:
        assert sorted(outputs) == sorted([*TRAINING_ONLY[name], "out"])
    for key, value in outputs.items():
        assert list(value.shape[:2]) == [2, 3], key
        assert value.ndim == 2 or model.native_output or list(value.shape[2:]) == [65, 97], key


@every
def test_encode_returns_a_feature_map_for_each_stage(name):
    model = build_model(SPECS[name], num_classes=3)
    model.eval()
    with paddle.no_grad():
        features = model.encode(paddle.randn([2, 3, 64, 96]))
    assert isinstance(features, list) and len(features) == len(model.backbone.out_channels)
    widths = [*model.backbone.out_channels[:-1], model.deep_channels]
    assert [(x.ndim, x.shape[0], x.shape[1]) for x in features] == [(4, 2, width) for width in widths]


@every
def test_a_call_leaves_no_tensor_on_any_layer(name):
    """What one call computes must not wait on the network for the next, or for another thread."""
    model = build_model({**SPECS[name], "context": {"type": "GCU", "num_nodes": 4}}, num_classes=3)

    def attributes():
        layers = model.named_sublayers(include_self=True)
        return {
            layer: {k: id(v) for k, v in vars(x).items() if isinstance(v, (dict, list, tuple, paddle.Tensor))}
            for layer, x in layers
        }

    model.train()
    before, sizes = attributes(), {k: len(vars(x)) for k, x in model.named_sublayers(include_self=True)}
    model(paddle.randn([2, 3, 65, 97]))
    assert attributes() == before
    assert {k: len(vars(x)) for k, x in model.named_sublayers(include_self=True)} == sizes


@every
def test_every_parameter_gets_a_gradient(name):
    model = build_model(SPECS[name], num_classes=3)
    check_gradients(SPECS[name], exempt="|".join(biases_before_a_norm(model)), lr=1.0)


def biases_before_a_norm(model):
    """A norm subtracts the mean: a bias in front of it has only rounding noise for a gradient."""
    names = [r"decoder\.up\d\.deconv\.bias$", r"unit\.word_fc\.\d\.bias$"]  # ENet's and GINet's, called by hand
    for name, layer in model.named_sublayers():
        if isinstance(layer, SeparableConv) and isinstance(layer.depthwise.act, nn.Identity):
            names.append(f"^{name}.depthwise.bn.bias$".replace(".", r"\."))  # a 1x1 and a norm follow
        pair = (layer.conv, layer.bn) if isinstance(layer, ConvBNAct) else ()
        children = list(layer.named_children())
        for (first, conv), (_, norm) in zip(children, children[1:]):
            together = isinstance(layer, nn.Sequential) and isinstance(norm, nn.BatchNorm2D)
            if isinstance(conv, (nn.Conv2D, nn.Conv2DTranspose)) and (together or pair == (conv, norm)):
                names.append(f"^{name}.{first}.bias$".replace(".", r"\."))
            elif isinstance(layer, nn.Sequential) and isinstance(norm, nn.BatchNorm2D):
                names.append(f"^{name}.{first}.".replace(".", r"\.") + r"(.*\.)?bias$")
    return names


@every
def test_weights_survive_saving(name, tmp_path):
    check_save_load(SPECS[name], tmp_path)


@every
def test_no_layer_is_hidden_from_the_state(name):
    check_all_layers_in_state(build_model(SPECS[name], num_classes=3))


@every
def test_a_unit_behind_a_stage_starts_as_the_identity(name):
    check_context(SPECS[name], {"type": "GloRe", "num_state": 4, "num_nodes": 3}, "stage2")


@every
def test_a_unit_on_the_deepest_map(name):
    model = build_model({**SPECS[name], "context": {"type": "NonLocal", "reduce": 8}}, num_classes=3)
    model.eval()
    with paddle.no_grad():
        out = model(paddle.randn([1, 3, 33, 47]))["out"]
    assert list(out.shape) == [1, 3, 33, 47]
    assert bool(paddle.isfinite(out).all())


@pytest.mark.parametrize("name", ["FCN", "PSPNet", "PSPNetProgressive", "DeepLabV3P", "GloRe", "GINet jpu"])
def test_static_graph_equals_the_network(name):
    check_static(build_model(SPECS[name], num_classes=3))


def scenes(size):
    data = Scenes(num_samples=4, size=(size, size), num_classes=6, transforms=[{"type": "Normalize"}])
    samples = [data.get(i, np.random.default_rng(0)) for i in range(4)]
    images = np.stack([s["image"].transpose(2, 0, 1) for s in samples])
    return paddle.to_tensor(images), paddle.to_tensor(np.stack([s["label"] for s in samples]).astype("int64"))


def learn(spec, size, steps, *, until=0.0, rate=1e-2):
    """Main losses, step by step, on four Scenes images."""
    x, label = scenes(size)
    model = build_model(spec, num_classes=6)
    for layer in model.sublayers():
        if isinstance(layer, (nn.Dropout, nn.Dropout2D)):
            layer.p = 0.0  # learning by heart is what dropout is against
    optimizer = paddle.optimizer.Adam(rate, parameters=model.parameters())
    history = []
    while len(history) < steps and (not history or history[-1] >= until):
        outputs = model(x)
        total_loss(outputs, label).backward()
        optimizer.step()
        optimizer.clear_grad()
        history.append(float(total_loss({"out": outputs["out"]}, label)))
    return history


LEARNERS = {  # not so small that they could not; stride 32 becomes 8 where 128 pixels would leave 4 x 4 values
    "FCN": {"backbone": resnet(width=0.25)},
    "PSPNet": {"backbone": resnet(width=0.25), "head_channels": 32},
    "PSPNetProgressive": {
        "backbone": resnet(),
        "bottleneck_channels": 32,
        "up_channels": [16, 16, 16],
        "presence_channels": 16,
    },
    "PSPNet mobilenet": {
        "type": "PSPNet",
        "style": "mobilenet",
        "backbone": {"type": "MobileNetV1", "alpha": 0.25, "output_stride": 8},
        "head_channels": 32,
    },
    "DeepLabV3": {"backbone": resnet(width=0.25, output_stride=8), "aspp_channels": 32},
    "DeepLabV3 cascade": {"type": "DeepLabV3", "cascade": 1, "backbone": resnet(width=0.25, output_stride=8)},
    "course_deeplab": {"backbone": resnet("ResNet34")},
    "DeepLabV3P": {"backbone": resnet(width=0.25), "aspp_channels": 32, "low_channels": 16, "decoder_channels": 32},
    "GloRe": {"backbone": resnet(width=0.25), "reduce_channels": 32, "num_state": 16, "num_nodes": 8},
    "GCUNet": {"backbone": resnet(width=0.25), "reduce_channels": 32},
    "GINet": {"backbone": resnet(width=0.25), "reduce_channels": 32, "num_state": 16, "num_nodes": 8},
    "UNet": {"base_channels": 8},
}
LEARNERS = {name: {"type": name, **spec} for name, spec in LEARNERS.items()}  # the VGG family has its own file


@pytest.mark.parametrize("name", [n for n in LEARNERS if n not in ("course_deeplab", "DeepLabV3 cascade")])
def test_learns(name):
    history = learn(LEARNERS[name], 64, 12)
    assert min(history[-3:]) < 0.55 * history[0], history


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LEARNERS))
def test_learns_four_images_by_heart(name):
    """At 64 pixels stride 8 cannot draw a pole: the same networks end at 0.13."""
    history = learn(LEARNERS[name], 128, 300, until=0.1)
    print(f"{name}: loss {history[-1]:.3f} after {len(history)} steps")
    assert history[-1] < 0.1
