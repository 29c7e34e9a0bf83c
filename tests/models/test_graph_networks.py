"""GloRe, GCU and GINet networks: outputs, styles, and the peers' defects kept where they were asked for."""

import paddle
import pytest

from paddleseg_lite import graph
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import build_model
from tests.models.checks import lazy_model

R18 = {"type": "ResNet18", "width": 0.125}
GLORE = {"type": "GloRe", "backbone": R18, "reduce_channels": 16, "num_state": 8, "num_nodes": 4}
GCU = {"type": "GCUNet", "backbone": R18, "reduce_channels": 16, "num_nodes": [2, 4]}
GINET = {"type": "GINet", "backbone": R18, "reduce_channels": 16, "num_state": 8, "num_nodes": 4}


@pytest.mark.parametrize("spec", [GLORE, GCU, GINET], ids=lambda s: s["type"])
def test_outputs(spec):
    model = build_model(spec, num_classes=5)
    x = paddle.randn([2, 3, 65, 97])
    shapes = {name: list(v.shape) for name, v in model(x).items()}
    expected = {"out": [2, 5, 65, 97], "aux": [2, 5, 65, 97]}
    if spec is GINET:
        expected["presence"] = [2, 5]
    assert shapes == expected
    model.eval()
    assert list(model(x)) == ["out"]
    assert list(build_model({**spec, "aux": False, "context": None}, num_classes=5)(x)) == [
        name for name in expected if name != "aux"
    ]


@pytest.mark.parametrize(
    ("spec", "unit"), [(GLORE, graph.GloRe), (GCU, graph.GCU), (GINET, graph.GINet)], ids=["GloRe", "GCU", "GINet"]
)
def test_the_unit_can_be_looked_into(spec, unit):
    model = build_model(spec, num_classes=5)
    assert type(model.unit) is unit
    seen = model.unit.explain(paddle.randn([1, 16, 6, 7]))
    assert list(seen.assignment.shape) == [1, model.unit.num_nodes, 6, 7]


def test_a_context_unit_of_one_kind_before_a_network_of_another():
    slot = {"type": "GINet", "num_state": 8, "num_nodes": 4, "reduce": 12}
    model = build_model({**GLORE, "context": slot}, num_classes=5)
    outputs = model(paddle.randn([2, 3, 64, 64]))
    assert sorted(outputs) == ["aux", "context_presence", "out"]
    assert model.reduce.conv.weight.shape[1] == 12


def test_glore_starts_as_its_reduction():
    """With the last norm at zero the unit is the identity, so removing it changes nothing."""
    model = build_model(GLORE, num_classes=5)
    model.eval()
    x = paddle.randn([1, 3, 64, 64])
    before = model(x)["out"]
    model.unit.conv_state.weight.set_value(paddle.randn(model.unit.conv_state.weight.shape))
    assert float((model(x)["out"] - before).abs().max()) == 0.0


def test_paddleseg_styles():
    glore = lazy_model({"type": "GloRe", "style": "paddleseg"}, num_classes=19)
    assert glore.unit.gcn.order == "paddleseg"
    assert glore.unit.normalize is False
    assert glore.aux_head.conv.conv.bias is not None
    assert [layer.conv.weight.shape[0] for layer in list(glore.backbone.stem)[:3]] == [32, 32, 64]

    peer = build_model({**GINET, "style": "paddleseg", "jpu_width": 8}, num_classes=5)
    assert peer.align_corners is True
    assert peer.jpu.out_channels == 32
    assert float(peer.unit.class_embeddings.abs().max()) == 0.0  # its defect, kept
    assert "presence" not in peer(paddle.randn([2, 3, 64, 64]))

    ours = build_model(GINET, num_classes=5)
    rows = ours.unit.class_embeddings
    assert ours.jpu is None
    distances = ((rows.unsqueeze(0) - rows.unsqueeze(1)) ** 2).sum(-1) + paddle.eye(5) * 9
    assert float(distances.min()) > 1.0  # distinct classes


@pytest.mark.parametrize("name", ["GloRe", "GINet"])
def test_unknown_style(name):
    with pytest.raises(ConfigError, match=r"style 'torch' is unknown.* Known: paper, paddleseg"):
        build_model({"type": name, "style": "torch"}, num_classes=5)


def test_jpu_works_on_a_plain_backbone():
    spec = {**GINET, "backbone": {**R18, "output_stride": 32}, "jpu": True, "jpu_width": 8}
    model = build_model(spec, num_classes=5)
    sizes = []
    model.classifier.register_forward_pre_hook(lambda layer, inputs: sizes.append(list(inputs[0].shape[2:])))
    model.eval()
    model(paddle.randn([1, 3, 64, 96]))
    assert sizes == [[8, 12]]  # stride 8 from stages at 8, 16 and 32


def test_arguments_reach_the_unit():
    model = build_model({**GCU, "unit": {"adj_norm": "none", "fusion": "residual"}}, num_classes=5)
    assert model.unit.fusion == "residual"
    with pytest.raises(ConfigError, match="Did you mean 'adj_norm'"):
        build_model({**GCU, "unit": {"adjnorm": "none"}}, num_classes=5)
