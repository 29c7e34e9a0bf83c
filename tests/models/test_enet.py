"""ENet: the table of the paper, the two published styles, the course's slips, counts."""

import numpy as np
import paddle
import pytest
from paddle import nn

import paddleseg_lite.graph  # noqa: F401  (registers context units)
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from paddleseg_lite.models.enet_blocks import STYLES, Bottleneck, UpBottleneck
from tests.models.checks import (
    SIZES,
    check_all_layers_in_state,
    check_context,
    check_context_of_another_width,
    check_gradients,
    check_save_load,
    check_sizes,
    check_static,
    count,
    geometry,
    lazy_model,
)

SMALL = {"type": "ENet", "width": 0.5}
# conv biases in front of BN: 3x3 and 1x5 in ext, the initial convolution, the deconvolution going up


def blocks(model):
    """Bottlenecks by their number in the paper: '1.0' .. '5.1'."""
    stage1, stage2, stage3 = model.backbone.stages
    d = model.decoder
    rows = [list(stage1)[1:], list(stage2), list(stage3), [d.up4, *d.stage4], [d.up5, *d.stage5]]
    return {f"{i + 1}.{j}": block for i, row in enumerate(rows) for j, block in enumerate(row)}


@pytest.mark.parametrize(
    ("style", "counts"),
    [
        ("paper", {12: 363_856, 19: 364_311, 20: 364_376, 21: 364_441}),
        ("pytorch", {12: 350_652, 19: 351_660, 21: 351_948}),
        ("paddleseg", {19: 351_660}),
        ("keras", {11: 358_907}),
    ],
)
def test_counts(style, counts):
    """E-7."""
    for num_classes, expected in counts.items():
        assert count(lazy_model({"type": "ENet", "style": style}, num_classes=num_classes)) == expected


def test_encoder_count():
    model = lazy_model("ENet", num_classes=21)
    assert count(model.backbone) == 338_156
    assert count(lazy_model({"type": "ENet", "encoder_only": True}, num_classes=21)) == 338_156 + 128 * 21 + 21


@pytest.mark.parametrize("style", list(STYLES))
def test_stage_shapes(style):
    """E-1, at a quarter of the width: table 1 for 512 x 512 is 16 x 256, 64 x 128, 128 x 64, 128 x 64, 64 x 128,
    16 x 256, K x 512."""
    model = build_model({"type": "ENet", "style": style, "width": 0.5}, num_classes=5)
    model.eval()
    shapes = {}
    parts = {"initial": model.backbone.stages[0][0], **blocks(model), "fullconv": model.decoder.fullconv}
    for name, part in parts.items():
        part.register_forward_post_hook(
            lambda layer, inputs, output, name=name: shapes.update(
                {name: list((output[0] if isinstance(output, tuple) else output).shape[1:])}
            )
        )
    with paddle.no_grad():
        model(paddle.randn([1, 3, 64, 96]))
    expected = {"initial": [8, 32, 48]}
    expected.update({f"1.{i}": [32, 16, 24] for i in range(5)})
    expected.update({f"2.{i}": [64, 8, 12] for i in range(9)})
    expected.update({f"3.{i}": [64, 8, 12] for i in range(8)})
    expected.update({f"4.{i}": [32, 16, 24] for i in range(3)})
    expected.update({f"5.{i}": [8, 32, 48] for i in range(2)}, fullconv=[5, 64, 96])
    assert shapes == expected


def test_unpooling_uses_the_places_of_the_matching_bottleneck():
    """E-2. 4.0 unpools where 2.0 pooled, 5.0 where 1.0 pooled."""
    model = build_model(SMALL, num_classes=3)
    model.eval()
    x = paddle.randn([1, 3, 64, 96])
    named, inputs = blocks(model), {}
    for name in ("1.0", "2.0"):
        named[name].register_forward_pre_hook(lambda layer, args, name=name: inputs.update({name: args[0]}))
    with paddle.no_grad():
        place1, place2, none = model.backbone(x).places
        assert none is None
        for name, place in (("1.0", place1), ("2.0", place2)):
            source = inputs[name]
            pooled = nn.functional.max_pool2d(source, 2, 2)
            u = place.restore(pooled)
            assert bool(((u == 0) | (u == source)).all())
            assert float(u.sum()) == pytest.approx(float(pooled.sum()), rel=1e-4)
        received = []
        for name in ("4.0", "5.0"):
            named[name].register_forward_pre_hook(lambda layer, args: received.append(args[1]))
        model(x)
    for got, expected in zip(received, (place2, place1)):
        np.testing.assert_array_equal(got.indices.numpy(), expected.indices.numpy())


def test_padded_channels_of_main_are_zero():
    """E-3. With the ext branch silenced, a downsampling bottleneck is max-pooling and channels of zeros."""
    block = Bottleneck(8, 32, STYLES["paper"], down=True)
    block.eval()
    scale = block.ext[-1][1] if isinstance(block.ext[-1][1], nn.BatchNorm2D) else block.ext[-1][0][1]
    scale.weight.set_value(paddle.zeros([32]))
    x = paddle.rand([2, 8, 6, 10])
    y, place = block(x)
    assert place.size == (6, 10)
    np.testing.assert_array_equal(y[:, :8].numpy(), nn.functional.max_pool2d(x, 2, 2).numpy())
    assert bool((y[:, 8:] == 0).all())


@pytest.mark.parametrize("spec", [{}, {"style": "pytorch"}, {"decoder_upsample": "nearest"}, {"encoder_only": True}])
def test_gradients(spec):
    """E-4. Every convolution trains; the course's Keras decoder threw its 3x3 away."""
    check_gradients({**SMALL, **spec})


@pytest.mark.parametrize("type_", ["ENet", "enet_course"])
def test_every_decoder_convolution_changes_the_output(type_):
    model = build_model({"type": type_, "width": 0.5}, num_classes=3)
    model.eval()
    x = paddle.randn([1, 3, 64, 64])
    layers = [c for c in model.decoder.sublayers() if isinstance(c, (nn.Conv2D, nn.Conv2DTranspose))]
    assert len(layers) == 2 * 4 + 3 * 3 + 1  # two ups of main, squeeze, deconv, expand; three regulars; fullconv
    with paddle.no_grad():
        before = model(x)["out"]
        for layer in layers:
            old = layer.weight.clone()
            layer.weight.set_value(old * -1.0)
            assert float((model(x)["out"] - before).abs().max()) > 0
            layer.weight.set_value(old)


@pytest.mark.parametrize("style", list(STYLES))
def test_dilations_and_asymmetric_kernels(style):
    """E-5."""
    model = build_model({**SMALL, "style": style}, num_classes=3)
    kinds = []
    for name, block in blocks(model).items():
        if name[0] not in "23" or name == "2.0":
            continue
        convs = [c for c in block.ext.sublayers() if isinstance(c, nn.Conv2D)]
        if len(convs) == 4:
            assert [list(c._kernel_size) for c in convs[1:3]] == [[5, 1], [1, 5]]
            kinds.append("asym")
        else:
            kernel, _, padding, dilation = geometry(convs[1])
            assert kernel == 3 and padding == dilation
            kinds.append(dilation)
    assert kinds == [1, 2, "asym", 4, 1, 8, "asym", 16] * 2


def test_dropout_rates():
    """E-6. 0.01 in stage 1, 0.1 in stages 2 and 3, none in the decoder (0.1 in the pytorch style)."""
    for style, decoder in (("paper", None), ("pytorch", 0.1)):
        model = build_model({**SMALL, "style": style}, num_classes=3)
        for name, block in blocks(model).items():
            rates = [layer.p for layer in block.sublayers() if isinstance(layer, nn.Dropout2D)]
            expected = {"1": 0.01, "2": 0.1, "3": 0.1}.get(name[0], decoder)
            assert rates == ([] if expected is None else [expected]), name


@pytest.mark.parametrize("style", list(STYLES))
@pytest.mark.parametrize("upsample", ["unpool", "nearest"])
def test_sizes(style, upsample):
    check_sizes({**SMALL, "style": style, "decoder_upsample": upsample}, sizes=[*SIZES, (7, 8)])


def test_the_papers_size():
    """E-8."""
    model = build_model({"type": "ENet", "width": 0.25}, num_classes=4)
    model.eval()
    with paddle.no_grad():
        assert list(model(paddle.randn([1, 3, 360, 640]))["out"].shape) == [1, 4, 360, 640]


def test_an_image_of_a_few_pixels():
    model = build_model(SMALL, num_classes=2)
    model.eval()
    assert list(model(paddle.randn([1, 3, 6, 64]))["out"].shape) == [1, 2, 6, 64]


def test_many_bands():
    check = build_model({**SMALL, "in_channels": 12}, num_classes=2)
    check.eval()
    assert list(check(paddle.randn([1, 12, 33, 47]))["out"].shape) == [1, 2, 33, 47]
    with pytest.raises(ConfigError, match="larger width"):
        build_model({**SMALL, "in_channels": 20}, num_classes=2)


def test_initial_block_has_bn_and_prelu_and_decoder_unpools():
    """The course's Keras port left out both."""
    initial = build_model("ENet", num_classes=3).backbone.stages[0][0]
    assert isinstance(initial.bn, nn.BatchNorm2D) and list(initial.act._weight.shape) == [16]
    ups = [b for b in build_model(SMALL, num_classes=3).sublayers() if isinstance(b, UpBottleneck)]
    assert [up.unpool for up in ups] == [True, True]
    for faithful in (False, True):
        course = build_model({"type": "enet_course", "faithful": faithful}, num_classes=3)
        assert [up.unpool for up in course.sublayers() if isinstance(up, UpBottleneck)] == [False, False]


def test_the_repaired_course_network_differs_by_what_its_text_lists():
    """363,791 - 358,907 at 11 classes, part by part."""

    def numbers(layers):
        return sum(count(layer) for layer in layers)

    article = build_model({"type": "enet_course", "faithful": True}, num_classes=11)
    repaired = build_model("enet_course", num_classes=11)
    a, r = blocks(article), blocks(repaired)
    regular, ups = ("4.1", "4.2", "5.1"), ("4.0", "5.0")
    initial = repaired.backbone.stages[0][0]
    assert numbers([initial.bn, initial.act]) == 48
    assert count(article.backbone.stages[0][0]) == count(initial) - 48
    assert numbers(r[n].ext[1][0] for n in regular) == 4_788 and numbers(a[n].ext[1][0] for n in regular) == 0
    assert numbers(r[n].main.bn for n in ups) == 160 and not any(hasattr(a[n].main, "bn") for n in ups)
    inner = [layer for layer in article.decoder.sublayers() if isinstance(layer, nn.PReLU)]
    assert len(inner) == 10 and numbers(inner) == 112
    assert count(repaired) - count(article) == 48 + 4_788 - 112 + 160
    assert {n._momentum for n in article.sublayers() if isinstance(n, nn.BatchNorm2D)} == {0.1}


def test_the_article_sits_one_pixel_further():
    """Strided kernels of Keras's "same" start at the first pixel of an even side; on an odd side they are centred."""
    for height, first in ((8, 0), (9, -1)):
        initial = build_model({"type": "enet_course", "faithful": True}, num_classes=2).backbone.stages[0][0]
        initial.conv.weight.set_value(paddle.ones_like(initial.conv.weight))
        rows = []
        for row in range(4):
            x = paddle.zeros([1, 3, height, 8])
            x[:, :, row] = 1.0
            rows.append(float((initial(x)[0, 0, 0, 1] - initial.conv.bias[0]).abs()) > 0)
        assert rows == [first <= row <= first + 2 for row in range(4)]


@pytest.mark.parametrize(("style", "epsilon"), [("paper", 1e-3), ("pytorch", 1e-5)])
def test_norms_and_activations(style, epsilon):
    """BN momentum is 0.9 (Keras' 0.1 was a slip); PReLU per channel in the paper's style, shared in the other."""
    model = build_model({"type": "ENet", "style": style}, num_classes=3)
    norms = [layer for layer in model.sublayers() if isinstance(layer, nn.BatchNorm2D)]
    assert all(n._momentum == 0.9 and n._epsilon == epsilon for n in norms)
    shapes = {tuple(layer._weight.shape) for layer in model.sublayers() if isinstance(layer, nn.PReLU)}
    assert shapes == ({(16,), (32,), (64,), (128,)} if style == "paper" else {(1,)})
    assert not any(isinstance(layer, nn.PReLU) for layer in model.decoder.sublayers())


def test_encoder_only_is_the_first_half_of_training():
    model = build_model({**SMALL, "encoder_only": True, "native_output": True}, num_classes=3)
    assert list(model(paddle.randn([2, 3, 64, 96]))["out"].shape) == [2, 3, 8, 12]
    full = build_model(SMALL, num_classes=3)
    missing, unexpected = full.backbone.set_state_dict(model.backbone.state_dict())
    assert not missing and not unexpected


def test_save_load_and_registration(tmp_path):
    check_save_load(SMALL, tmp_path)
    check_all_layers_in_state(build_model(SMALL, num_classes=3))


@pytest.mark.parametrize("position", ["deep", "stage1", "stage3"])
def test_context_slot(position):
    check_context(SMALL, {"type": "GloRe", "num_state": 8, "num_nodes": 4}, position)


def test_context_of_another_width():
    check_context_of_another_width(SMALL)


class DownUp(nn.Layer):
    """One bottleneck down and one up, as a network."""

    def __init__(self, style):
        super().__init__()
        self.in_channels = 4
        self.down = Bottleneck(4, 8, STYLES[style], down=True)
        self.up = UpBottleneck(8, 4, STYLES[style])

    def forward(self, x):
        return {"out": self.up(*self.down(x))}


@pytest.mark.parametrize("style", ["paper", "pytorch"])
def test_static_graph(style):
    check_static(DownUp(style))


def test_unknown_options():
    with pytest.raises(ConfigError, match=r"style 'lua' is unknown\..* Known: paper, pytorch, paddleseg, keras"):
        build_model({"type": "ENet", "style": "lua"}, num_classes=2)
    with pytest.raises(ConfigError, match="decoder_upsample 'linear' is unknown"):
        build_model({"type": "ENet", "decoder_upsample": "linear"}, num_classes=2)
