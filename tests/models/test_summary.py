"""The summary: receptive fields of the papers, what it leaves behind, its errors, and the tool."""

import json
import subprocess
import sys

import paddle
import pytest
from paddle import nn

from paddleseg_lite import backbones as B
from paddleseg_lite.cli.jobs.summary import describe
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.models import Segmentor, build_model
from paddleseg_lite.models.summary import summarize
from paddleseg_lite.registry import MODELS
from tests.contracts.found import specs
from tests.models.checks import lazy_model

TINY = {"type": "DeepLabV3P", "backbone": {"type": "ResNet18", "width": 0.125}, "aspp_channels": 8}


def fields(spec, size=192):
    summary = summarize(lazy_model(spec, num_classes=21), (1, 3, size, size))
    return {row.name: (row.receptive_field, row.jump) for row in summary.rows}, summary


class Trunk(Segmentor):
    """A backbone alone, its last map as logits."""

    def __init__(self, backbone):
        super().__init__(num_classes=1)
        self.build_encoder(backbone)

    def decode(self, features, x):
        return {"out": features[-1]}


@pytest.mark.parametrize(
    ("cls", "stride", "expected"),
    [
        (B.ResNet50, 32, 427),
        (B.ResNet50, 16, 459),
        (B.ResNet50, 8, 475),
        (B.ResNet101, 32, 971),
        (B.ResNet101, 16, 1003),
        (B.ResNet101, 8, 1019),
    ],
)
def test_receptive_field_of_resnets(cls, stride, expected):
    with paddle.LazyGuard():
        trunk = Trunk(cls(output_stride=stride))
    summary = summarize(trunk, (1, 3, 129, 129))
    assert (summary.receptive_field, summary.output_stride) == (expected, stride)


def test_receptive_field_of_vgg_and_fc6():
    rows, _ = fields({"type": "FCN32s", "width": 1 / 32})
    assert rows["fc6"] == (404, 32)
    pool5 = next(field for field in rows.values() if field[1] == 32)
    assert pool5 == (212, 32)
    rows, _ = fields({"type": "DeepLabV1", "width": 1 / 32})
    assert max(size for size, jump in rows.values() if jump == 8) == 435  # with pool5a; 419 without


@pytest.mark.parametrize(
    ("stride", "rates", "expected"),
    [(16, (6,), 1451), (16, (12,), 1643), (16, (18,), 1835), (8, (12,), 1467), (8, (24,), 1659), (8, (36,), 1851)],
)
def test_receptive_field_of_aspp(stride, rates, expected):
    backbone = {"type": "ResNet101", "output_stride": stride, "width": 0.0625}
    _, summary = fields({"type": "DeepLabV3", "backbone": backbone, "aspp_rates": rates}, size=129)
    assert summary.receptive_field == expected


WHOLE = ["DeepLabV3", "DeepLabV3P", "GCUNet", "GINet", "GloRe", "PSPNet", "PSPNetProgressive", "pspnet_mobilenet"]
WHOLE += ["course_deeplab", "deeplab_v3_article"]
LOCAL = ["DeepLabV1", "DeepLabV2", "DeepLabV3 cascade", "ENet", "FCN", "FCN16s", "FCN32s", "FCN8s", "SegNet", "UNet"]
LOCAL += ["course_fcn8s", "enet_course"]


@pytest.mark.parametrize("name", [*WHOLE, *LOCAL])
def test_which_networks_see_the_whole_picture(name):
    """That it is so is tested in ``tests/contracts``, by the gradient."""
    summary = summarize(lazy_model(specs(MODELS)[name], num_classes=3), (1, 3, 64, 64))
    assert bool(summary.whole_picture) is (name in WHOLE)


def test_the_whole_picture_and_the_local_part_in_words():
    _, summary = fields({"type": "PSPNet", "backbone": "ResNet50"}, size=64)
    assert summary.whole_picture == {"pyramid": "PyramidPooling"}
    assert "the whole picture through pyramid (PyramidPooling); 491 px locally" in summary.table(rows=False)
    assert summary.to_dict()["whole_picture"] == {"pyramid": "PyramidPooling"}
    marked = {row.name: row.whole_picture for row in summary.rows}
    assert marked["head.conv"] and marked["classifier"] and marked["pyramid.branches.0.conv"]
    assert not any(value for name, value in marked.items() if name.startswith("backbone."))
    _, summary = fields({"type": "DeepLabV3P", "backbone": {"type": "ResNet18", "width": 0.125}}, size=64)
    marked = {row.name: row.whole_picture for row in summary.rows}
    assert marked["aspp.project.conv"] and marked["classifier"] and not marked["low_level.conv"]
    assert not marked["aspp.branches.1.depthwise.conv"]
    _, summary = fields({"type": "DeepLabV3", "backbone": {"type": "ResNet18", "width": 0.125}, "cascade": 1}, size=64)
    assert summary.whole_picture == {} and summary.field_in_words() == f"{summary.receptive_field} px"


def test_totals_agree_with_the_model_and_the_table():
    model = build_model(
        {"type": "PSPNet", "backbone": {"type": "ResNet18", "width": 0.25}, "head_channels": 16}, num_classes=4
    )
    summary = summarize(model, (3, 65, 97))
    trainable = sum(int(p.size) for p in model.parameters() if not p.stop_gradient)
    aux = sum(int(p.size) for p in model.aux_head.parameters() if not p.stop_gradient)
    assert summary.parameters == trainable
    assert summary.eval_parameters == trainable - aux == sum(row.parameters for row in summary.rows)
    assert summary.buffers == sum(int(p.size) for p in model.parameters() if p.stop_gradient)
    assert summary.macs == sum(row.macs for row in summary.rows)
    assert summary.output_shape == [1, 4, 65, 97]


def test_units_with_their_own_products_are_counted_and_keep_their_parameters():
    spec = {"type": "GCUNet", "backbone": {"type": "ResNet18", "width": 0.125}, "reduce_channels": 8, "aux": False}
    model = build_model(spec, num_classes=4)
    summary = summarize(model, (1, 3, 64, 64))
    rows = {row.name: row for row in summary.rows}
    assert rows["unit"].macs == model.unit.macs(8, 8) > 0
    assert summary.eval_parameters == summary.parameters  # anchors are used, though no layer of theirs is "called"


def test_nothing_is_left_behind():
    forwards = {cls: cls.forward for cls in (nn.Conv2D, nn.Linear, nn.BatchNorm2D, nn.Conv2DTranspose)}
    model = build_model(TINY, num_classes=4)
    model.train()
    before = {k: v.numpy() for k, v in model.state_dict().items()}
    summarize(model, (1, 3, 64, 64))
    assert model.training
    assert all(cls.forward is forward for cls, forward in forwards.items())
    assert all((before[k] == v.numpy()).all() for k, v in model.state_dict().items())
    assert not any(layer._forward_post_hooks or layer._forward_pre_hooks for layer in model.sublayers())


def test_a_failing_pass_restores_the_layers_too():
    forward = nn.Conv2D.forward
    model = build_model({"type": "UNet", "style": "original", "base_channels": 2}, num_classes=2)
    with pytest.raises(ValueError, match="508 or 524"):
        summarize(model, (1, 3, 512, 512))
    assert nn.Conv2D.forward is forward
    assert not any(layer._forward_post_hooks for layer in model.sublayers())


@pytest.mark.parametrize("shape", [(512, 512), (1, 0, 64, 64), (3, 64, 0)])
def test_input_shapes_that_are_none(shape):
    with pytest.raises(ValueError, match="input_shape must be"):
        summarize(build_model(TINY, num_classes=4), shape)


def test_describe_takes_classes_from_the_recipe(root):
    assert describe(config=str(root / "configs/unet/unet_cityscapes.yml"), height=64, width=64).output_shape[1] == 19
    assert describe(model="ENet", height=64, width=64).output_shape[1] == 21
    assert describe(model="ENet", num_classes=5, height=64, width=64).output_shape[1] == 5
    options = ["model.backbone.type=ResNet18", "model.backbone.width=0.125", "model.in_channels=1"]
    assert describe(model="FCN", opts=options, height=64, width=64).input_shape == [1, 1, 64, 64]
    with pytest.raises(ConfigError, match="Did you mean 'PSPNet'"):
        describe(model="PSPNett")
    with pytest.raises(ConfigError, match=r"--input_size 512 512: .*508 or 524"):
        describe(model="UNet", opts=["model.style=original"])


def test_the_tool(root, tool):
    command = ["--model", "ENet", "--num_classes", "21"]
    program = [sys.executable, str(root / "tools/summary.py"), *command]
    text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert "364,441" in text
    assert "1.969 G" in text
    told = json.loads(tool("summary", *command, "--json", "--input_size", "640", "360")[1])
    assert told["parameters"] == 364_441
    assert told["output_shape"] == [1, 21, 360, 640]
    status, _, errors = tool("summary", "--model", "ENett")
    assert status == 2
    assert "Did you mean 'ENet'" in errors
    assert "Traceback" not in errors
