"""Parameters to the digit and multiply-adds within 0.5 % of the published and the derived figures, for every network.

The table is for 21 classes and one 512 x 512 image, without the heads that only
train. The small list below it has the counts published with those heads, or for
other numbers of classes.
"""

import paddle
import pytest
from paddle import nn

from paddleseg_lite.models import build_model
from paddleseg_lite.models.summary import summarize
from tests.models.checks import count, lazy_model


def net(name, backbone=None, stride=None, **arguments):
    spec = {"type": name, **arguments}
    if backbone:
        spec["backbone"] = {"type": backbone, "output_stride": stride} if stride else backbone
    return spec


FLOOR_STEM = {"ceil_mode": False}  # the figures are for 64 x 64 maps; DeepLab V2's own stem rounds up to 65 x 65
TABLE = [
    (net("FCN32s"), 136_152_917, 190.2),
    (net("FCN16s"), 134_815_994, 190.3),
    (net("FCN8s"), 134_489_759, 190.4),
    (net("FCN32s", padding_mode="same"), 136_152_917, 111.3),
    (net("FCN16s", padding_mode="same"), 134_815_994, 111.3),
    (net("FCN8s", padding_mode="same"), 134_489_759, 111.4),
    (net("FCN", "ResNet50"), 32_957_013, 138.4),
    (net("FCN", "ResNet101"), 51_949_141, 215.9),
    (net("UNet"), 31_038_933, 193.0),
    (net("UNet", style="bilinear"), 17_264_277, 160.3),
    (net("UNet", style="course"), 18_461_909, 180.1),
    (net("SegNet"), 29_455_125, 163.1),
    (net("SegNet", conv_bias=False), 29_447_189, 163.1),
    (net("PSPNet", "ResNet50", aux=False), 46_592_597, 177.1),
    (net("PSPNet", "ResNet101", aux=False), 65_584_725, 254.7),
    (net("pspnet_mobilenet"), 6_978_901, 3.42),
    (net("PSPNetProgressive", "ResNet34"), 27_573_037, 159.5),
    (net("PSPNetProgressive", "ResNet50"), 53_585_965, 201.2),
    (net("DeepLabV1"), 20_505_429, 125.6),
    (net("DeepLabV1", msc=True), 21_711_550, 130.6),
    (net("DeepLabV1", head="7x7"), 134_346_581, 591.9),
    (net("DeepLabV2", "VGG16"), 37_877_652, 196.8),
    (net("DeepLabV2", {"type": "ResNet50", **FLOOR_STEM}), 25_056_404, 106.0),
    (net("DeepLabV2", {"type": "ResNet101", **FLOOR_STEM}), 44_048_532, 183.6),
    (net("DeepLabV3", "ResNet50", 16), 39_048_533, 47.8),
    (net("DeepLabV3", "ResNet50", 8), 39_048_533, 161.2),
    (net("DeepLabV3", "ResNet101", 16), 58_040_661, 67.2),
    (net("DeepLabV3", "ResNet101", 8), 58_040_661, 238.7),
    (net("DeepLabV3P", "ResNet50", 16), 26_696_133, 37.7),
    (net("DeepLabV3P", "ResNet101", 16), 45_688_261, 57.1),
    (net("DeepLabV3P", "ResNet50", 16, separable=False), 40_352_181, 69.2),
    (net("DeepLabV3P", "ResNet101", 16, separable=False), 59_344_309, 88.6),
    (net("ENet"), 364_441, 1.97),
    (net("GloRe", "ResNet50", aux=False), 24_754_005, 104.7),
    (net("GloRe", "ResNet101", aux=False), 43_746_133, 182.3),
    (net("GCUNet", "ResNet50", aux=False), 24_652_117, 103.3),
    (net("GCUNet", "ResNet101", aux=False), 43_644_245, 180.9),
    (net("GINet", "ResNet50", aux=False, presence=False), 33_672_004, 139.8),
    (net("GINet", "ResNet101", aux=False, presence=False), 52_664_132, 217.4),
]


def label(value):
    return ",".join(str(v) for v in value.values()) if isinstance(value, dict) else ""


@pytest.mark.parametrize(("spec", "parameters", "gmacs"), TABLE, ids=label)
def test_table(spec, parameters, gmacs):
    summary = summarize(lazy_model(spec, num_classes=21), (1, 3, 512, 512))
    assert summary.parameters == parameters
    assert summary.gmacs == pytest.approx(gmacs, rel=0.005)
    assert summary.output_shape == [1, 21, 512, 512]


R50_VD, R101_VD = {"backbone": "ResNet50_vd"}, {"backbone": "ResNet101_vd"}
WITH_TRAINING_HEADS = [  # K = 21 unless the specification says otherwise
    (net("FCN", "ResNet50", aux=True), 35_322_218),  # torchvision's figures
    (net("FCN", "ResNet101", aux=True), 54_314_346),
    (net("DeepLabV3", "ResNet50", style="torchvision"), 39_638_869),
    (net("DeepLabV3", "ResNet50", style="torchvision", aux=True), 42_004_074),
    (net("DeepLabV3", "ResNet101", style="torchvision"), 58_630_997),
    (net("DeepLabV3", "ResNet101", style="torchvision", aux=True), 60_996_202),
    (net("PSPNet", "ResNet50"), 48_957_802),
    (net("PSPNet", "ResNet101"), 67_949_930),
    (net("PSPNet", "ResNet50", style="semseg", aux=False), 46_716_373),
    (net("PSPNet", "ResNet50", style="semseg"), 49_081_578),
    (net("PSPNet", "ResNet101", style="semseg", aux=False), 65_708_501),
    (net("PSPNet", "ResNet101", style="semseg"), 68_073_706),
    (net("PSPNet", style="paddleseg", num_classes=19, **R101_VD), 86_856_070),
    (net("PSPNetProgressive", "ResNet18"), 17_464_877),
    (net("PSPNetProgressive", "ResNet101"), 72_578_093),
    (net("DeepLabV3", "ResNet101", classifier_bias=False), 58_040_640),
    (net("DeepLabV3", "ResNet101", cascade=1), 55_930_965),
    (net("DeepLabV3", "ResNet101", cascade=2), 69_318_741),
    (net("DeepLabV3", "ResNet101", cascade=3), 82_706_517),
    (net("DeepLabV3", style="paddleseg", num_classes=19, **R101_VD), 58_060_659),
    (net("course_deeplab"), 92_408_955),
    (net("GloRe", "ResNet50"), 27_119_210),
    (net("GloRe", "ResNet101"), 46_111_338),
    (net("GINet", style="paddleseg", num_classes=19, **R50_VD), 55_790_369),
]


@pytest.mark.parametrize(("spec", "parameters"), WITH_TRAINING_HEADS, ids=label)
def test_counts_with_training_heads(spec, parameters):
    offered = {} if spec["type"] == "course_deeplab" else {"num_classes": 21}  # the course: 59
    assert count(lazy_model(spec, **offered)) == parameters


PEER = [  # what PaddleSeg's own counter says of its configurations at 1024 x 512, K = 19: M with BN buffers, G
    (net("UNet", style="paddleseg"), 13.41, 253.75),
    (net("PSPNet", style="paddleseg", **R101_VD), 86.97, 686.89),
    (net("DeepLabV3", style="paddleseg", **R101_VD), 58.17, 481.00),
    (net("DeepLabV3P", style="paddleseg"), 26.79, 228.44),
    (net("GINet", style="paddleseg"), 55.87, 463.36),
]


@pytest.mark.parametrize(("spec", "millions", "giga"), PEER, ids=label)
def test_published_figures_of_paddleseg(spec, millions, giga):
    model = lazy_model(spec, num_classes=19)
    summary = summarize(model, (1, 3, 256, 512))  # a quarter of the pixels, and of the memory
    everything = sum(int(p.size) for p in model.parameters())  # it counts BN statistics and the zero embedding
    if spec["type"] == "GINet":
        everything += int(model.unit.class_embeddings.size)
    aux_macs = auxiliary_macs(model, 32, 64)  # its graph runs the auxiliary head in evaluation too
    assert everything / 1e6 == pytest.approx(millions, abs=0.011)
    assert 4 * (summary.macs + aux_macs) / 1e9 == pytest.approx(giga, rel=0.005)


TORCHVISION = [  # "_ops" of its weight metadata: G for one 520 x 520 image, the auxiliary head included
    (net("FCN", "ResNet50", aux=True), 152.717),
    (net("FCN", "ResNet101", aux=True), 232.738),
    (net("DeepLabV3", "ResNet50", style="torchvision", aux=True), 178.722),
    (net("DeepLabV3", "ResNet101", style="torchvision", aux=True), 258.743),
]


@pytest.mark.parametrize(("spec", "giga"), TORCHVISION, ids=label)
def test_published_figures_of_torchvision(spec, giga):
    model = lazy_model(spec, num_classes=21)
    macs = summarize(model, (1, 3, 520, 520)).macs + auxiliary_macs(model, 65, 65)
    assert macs / 1e9 == pytest.approx(giga, abs=0.0006)


def auxiliary_macs(model, height, width):
    head = getattr(model, "aux_head", None)
    convs = [] if head is None else [c for c in head.sublayers() if isinstance(c, nn.Conv2D)]
    return sum(int(c.weight.size) * height * width for c in convs)


TRUE_RUNS = [
    {"type": "DeepLabV3P", "backbone": {"type": "ResNet50", "width": 0.125}, "aspp_channels": 16},
    {"type": "GINet", "backbone": {"type": "ResNet18", "width": 0.125}, "reduce_channels": 16, "num_state": 8},
    {"type": "FCN8s", "width": 1 / 32},
    {"type": "ENet", "width": 0.25},
    {"type": "DeepLabV2", "backbone": {"type": "ResNet18", "width": 0.125}, "msc_scales": [0.75, 0.5]},
    {"type": "UNet", "base_channels": 4},
]


@pytest.mark.parametrize("spec", TRUE_RUNS, ids=label)
def test_the_phantom_pass_equals_a_true_one(spec):
    """Shapes and multiply-adds of every convolution as a real forward pass shows them to a hook."""
    model = build_model(spec, num_classes=5)
    summary = summarize(model, (1, 3, 97, 130))
    seen = {}

    def note(layer, inputs, output):
        per_output = layer.weight[0].size
        size = output.size
        if isinstance(layer, nn.Conv2DTranspose):
            per_output, size = layer.weight[0].size, inputs[0].size
        elif isinstance(layer, nn.Linear):
            per_output = layer.weight.shape[0]
        _, macs = seen.get(names[id(layer)], (None, 0))
        seen[names[id(layer)]] = (list(output.shape), macs + int(size) * int(per_output))

    names = {id(layer): name for name, layer in model.named_sublayers()}
    kinds = (nn.Conv1D, nn.Conv2D, nn.Conv2DTranspose, nn.Linear)
    for layer in model.sublayers():
        if isinstance(layer, kinds):
            layer.register_forward_post_hook(note)
    model.eval()
    with paddle.no_grad():
        model(paddle.randn([1, 3, 97, 130]))
    assert len(seen) > 10
    types = {kind.__name__ for kind in kinds}
    assert {r.name: (r.output_shape, r.macs) for r in summary.rows if r.type in types} == seen
