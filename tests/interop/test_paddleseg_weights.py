"""PaddleSeg's networks with PaddleSeg's weights compute what PaddleSeg computes."""

import numpy as np
import paddle
import pytest

from paddleseg_lite import build_model, load
from paddleseg_lite.errors import CheckpointError
from paddleseg_lite.interop.findings import Findings
from paddleseg_lite.interop.origin_parity import our_outputs
from paddleseg_lite.interop.paddleseg_models import translate_model
from paddleseg_lite.interop.paddleseg_weights import from_paddleseg
from paddleseg_lite.weights import compare, detect_origin, in_names_of, load_strict, read_weights, write_pdparams
from tests.interop.goldens import Golden
from tests.models.checks import undrawn_model

GOLDEN = Golden("paddleseg")
LEFT_OUT = {"unet": 2, "unet_deconv": 2}  # the classifier under its second name


def build(network, **more):
    """Our network for a ``model:`` of PaddleSeg, its numbers still to come."""
    found = Findings("case", {})
    spec, _ = translate_model({**network, "num_classes": GOLDEN.classes, **more}, {}, found)
    found.finish()
    return undrawn_model(spec)


@pytest.mark.parametrize("case", list(GOLDEN.cases))
def test_outputs(case):
    entry = GOLDEN.cases[case]
    model = build(entry["network"])
    assert sum(int(p.size) for p in model.parameters() if not p.stop_gradient) == entry["trainable"]
    state = GOLDEN.state(case)
    assert detect_origin(state) == "paddleseg"
    conversion = from_paddleseg(state, model)
    assert len(conversion.left_out) == LEFT_OUT.get(case, 0) and not conversion.missing(model)
    assert len(conversion.sources) + len(conversion.left_out) == len(state)  # every tensor is accounted for
    load_strict(model, conversion.state, source="golden")
    del state, conversion  # the network has its own copy
    for mode in ("eval", "heads"):
        GOLDEN.check(case, mode, [array for _, array in our_outputs(model, GOLDEN.image(case), mode)])


def test_every_tensor_of_the_wrong_network_is_told():
    model = build({"type": "PSPNet", "backbone": {"type": "ResNet18_vd"}})
    conversion = from_paddleseg(GOLDEN.state("glore"), model)
    unused = conversion.unused(model)
    assert unused["head.gru_module.gcn.conv1.weight"] == "PSPNet has no head.gru_module.gcn.conv1.weight"
    assert "pyramid.branches.0.conv.weight" in conversion.missing(model)
    with pytest.raises(CheckpointError, match="do not fit PSPNet"):
        load_strict(model, conversion.state, source="glore.pdparams")


def test_network_without_the_auxiliary_head():
    model = build({"type": "PSPNet", "backbone": {"type": "ResNet18_vd"}, "enable_auxiliary_loss": False})
    conversion = from_paddleseg(GOLDEN.state("pspnet"), model)
    assert sorted(set(conversion.left_out.values())) == ["the network is built without an auxiliary head"]
    assert len(conversion.left_out) == 8 and compare(model, conversion.state).share == 1


def test_pretrained_takes_a_backbone_file_and_a_whole_network(tmp_path):
    state = GOLDEN.state("pspnet")
    backbone = {k[len("backbone.") :]: v for k, v in state.items() if k.startswith("backbone.")}
    write_pdparams(tmp_path / "resnet18_vd.pdparams", backbone)
    write_pdparams(tmp_path / "pspnet.pdparams", state)
    spec = {"type": "FCN", "style": "paddleseg", "num_classes": 3, "backbone": "ResNet18_vd"}
    for name in ("resnet18_vd.pdparams", "pspnet.pdparams"):
        model = build_model({**spec, "pretrained": str(tmp_path / name)})
        weight = model.backbone.stages[3][1].conv2.conv.weight.numpy()
        np.testing.assert_array_equal(weight, state["backbone.bb_3_1.conv1._conv.weight"])


def test_predict_with_their_file_and_their_config(tmp_path):
    state = GOLDEN.state("unet")
    write_pdparams(tmp_path / "model.pdparams", state)
    (tmp_path / "unet.yml").write_text(
        "iters: 10\nbatch_size: 1\nmodel: {type: UNet, num_classes: 5, use_deconv: False}\n"
        "val_dataset: {type: Dataset, dataset_root: nowhere, val_path: v.txt, num_classes: 5, mode: val,\n"
        "  transforms: [{type: Normalize}]}\n"
        "lr_scheduler: {type: PolynomialDecay, learning_rate: 0.1}\n"
        "loss: {types: [{type: CrossEntropyLoss}], coef: [1]}\n",
        encoding="utf-8",
    )
    loaded = load(tmp_path / "model.pdparams", config=tmp_path / "unet.yml")  # the dataset is not on this machine
    assert loaded.class_names == [f"class_{i}" for i in range(5)]
    image = np.random.default_rng(0).integers(0, 256, [32, 48, 3], dtype=np.uint8)
    prediction = loaded.predict(image)
    x = paddle.to_tensor(((image / 255 - 0.5) / 0.5).astype("float32").transpose(2, 0, 1)[None])
    model = build({"type": "UNet"})
    load_strict(model, in_names_of(model, read_weights(tmp_path / "model.pdparams"), "file"), source="file")
    model.eval()
    np.testing.assert_array_equal(prediction.labels, model(x)["out"].numpy()[0].argmax(0))
