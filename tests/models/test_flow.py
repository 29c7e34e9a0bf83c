"""Blocks and links of networks: shapes as they are computed, links as the code makes them, nothing left behind."""

import paddle
import pytest
from paddle import nn

from paddleseg_lite.models import build_model
from paddleseg_lite.models.flow import trace
from paddleseg_lite.models.flow_tracer import blocks_of, flat
from paddleseg_lite.registry import MODELS
from tests.contracts.found import specs

SPECS = specs(MODELS)

SIDE = 96


def sources(flow, target, kind="map"):
    return {link.source for link in flow.links if link.target == target and link.kind == kind}


@pytest.mark.parametrize("name", SPECS)
def test_blocks_are_what_a_real_pass_gives(name):
    """Channels, height and width of every block from a pass in training; every block is reached and leads somewhere."""
    model = build_model(SPECS[name], num_classes=3)
    flow, seen = trace(model, (1, 3, SIDE, SIDE)), {}
    hooks = []
    for block, _, layer in blocks_of(model):

        def note(layer, inputs, output, block=block):
            seen.setdefault(block, [*flat(output)[0].shape[1:], 1, 1][:3])

        hooks.append(layer.register_forward_post_hook(note))
    model.train()
    outputs = model(paddle.randn([2, 3, SIDE, SIDE]))
    drawn = {b.name: [b.channels, b.height, b.width] for b in flow.blocks.values()}
    assert {k: v for k, v in drawn.items() if k != "image" and not k.startswith("->")} == seen
    for key, value in outputs.items():
        assert drawn[f"-> {key}"] == [*value.shape[1:], 1, 1][:3]
    ends, starts = ({getattr(link, side) for link in flow.links} for side in ("target", "source"))
    assert ends == set(drawn) - {"image"} and starts == {n for n in drawn if not n.startswith("->")}
    inside = [sum(int(p.size) for p in layer.parameters() if not p.stop_gradient) for _, _, layer in blocks_of(model)]
    assert sum(b.parameters for b in flow.blocks.values()) == sum(inside)


def test_links_of_a_u():
    flow = trace(build_model({"type": "UNet", "base_channels": 4}, num_classes=3), (1, 3, 64, 64))
    for i in range(4):
        deeper = "backbone.stages.4" if i == 0 else f"ups.{i - 1}"
        assert sources(flow, f"ups.{i}") == {deeper, f"backbone.stages.{3 - i}"}
        assert flow.blocks[f"ups.{i}"].stride == flow.blocks[f"backbone.stages.{3 - i}"].stride == 2 ** (3 - i)
    assert sources(flow, "-> out") == {"classifier"}


def test_joins_places_and_the_field_of_each_branch():
    """FCN adds skips that see less, DeepLab V3+ concatenates, SegNet and ENet send places, MSc starts at the image."""
    fcn = trace(build_model({"type": "FCN8s", "width": 1 / 32}, num_classes=3), (1, 3, 256, 256))
    assert fcn.joins == {"upscores.1": "add", "upscores.2": "add"}
    fields = {name: fcn.blocks[name].receptive_field for name in ("score_skips.0", "score_skips.1", "fc7")}
    assert fields == {"score_skips.0": 100, "score_skips.1": 44, "fc7": 404}  # pool4, pool3 and fc7 of VGG16
    assert [fcn.blocks[f"upscores.{i}"].stride for i in range(3)] == [16, 8, 1]
    plus = trace(build_model(SPECS["DeepLabV3P"], num_classes=3), (1, 3, SIDE, SIDE))
    assert plus.joins["decoder"] == "concat" and sources(plus, "decoder") == {"low_level", "aspp"}
    assert plus.blocks["aspp"].whole_picture and not plus.blocks["low_level"].whole_picture
    segnet = trace(build_model({"type": "SegNet", "width": 1 / 16}, num_classes=3), (1, 3, SIDE, SIDE))
    assert [sources(segnet, f"decoder.{i}", "places") for i in range(5)] == [
        {f"backbone.stages.{4 - i}"} for i in range(5)
    ]
    enet = trace(build_model({"type": "ENet", "width": 0.25}, num_classes=3), (1, 3, SIDE, SIDE))
    assert sources(enet, "decoder.up5", "places") == {"backbone.stages.0"}
    msc = trace(build_model(SPECS["DeepLabV1"], num_classes=3), (1, 3, SIDE, SIDE))
    assert sources(msc, "branches.0") == {"image"} and len(sources(msc, "-> out")) == 6


def test_a_unit_at_a_stage_and_heads_of_training():
    spec = {**SPECS["PSPNet"], "aux": True, "context": {"type": "GloRe", "position": "stage2", "num_nodes": 4}}
    model = build_model(spec, num_classes=3)
    flow = trace(model, (1, 3, SIDE, SIDE))
    assert sources(flow, "context.unit") == {"backbone.stages.1"}
    assert "context.unit" in sources(flow, "backbone.stages.2")
    roles = {b.name: b.role for b in flow.blocks.values()}
    assert roles["context.unit"] == "context" and roles["aux_head"] == "training" and roles["head"] == "head"
    assert flow.blocks["aux_head"].stride == 8


def test_it_leaves_the_network_as_it_was():
    from paddleseg_lite.backbones.indexed import Place

    model = build_model({"type": "SegNet", "width": 1 / 16}, num_classes=3)
    model.eval()
    model.backbone.stages[0].train()
    before = {k: v.numpy().copy() for k, v in model.state_dict().items()}
    modes = [layer.training for layer in model.sublayers(include_self=True)]
    restore, forward = Place.restore, nn.Conv2D.forward
    trace(model, (1, 3, SIDE, SIDE))
    assert [layer.training for layer in model.sublayers(include_self=True)] == modes
    assert all((v.numpy() == before[k]).all() for k, v in model.state_dict().items())
    assert Place.restore is restore and nn.Conv2D.forward is forward
    assert not any(layer._forward_pre_hooks or layer._forward_post_hooks for layer in model.sublayers())
    assert paddle.is_grad_enabled()
    valid = build_model({"type": "UNet", "variant": "original", "base_channels": 4}, num_classes=3)
    with pytest.raises(ValueError, match="12"):
        trace(valid, (1, 3, 64, 64))
    assert paddle.is_grad_enabled() and nn.Conv2D.forward is forward
