"""Weights fit or the error says what does not fit, and why; nothing is half loaded."""

import logging
import re

import numpy as np
import paddle
import pytest
from paddle import nn

from paddleseg_lite.checkpoint import save_checkpoint
from paddleseg_lite.errors import CheckpointError, ConfigError
from paddleseg_lite.models import build_model
from paddleseg_lite.registry import MODELS
from paddleseg_lite.weights import (
    ORIGINS,
    apply_pretrained,
    detect_origin,
    load_pretrained,
    load_strict,
    origins,
    set_fetcher,
    write_pdparams,
    write_safetensors,
)

SPEC = {"type": "UNet", "base_channels": 4, "num_classes": 3}


def arrays_of(layer):
    return {name: tensor.numpy().copy() for name, tensor in layer.state_dict().items()}


def unchanged(layer, before):
    return all((v == before[k]).all() for k, v in arrays_of(layer).items())


@pytest.fixture
def model():
    return build_model(SPEC)


@pytest.fixture
def state(model):
    """Weights of another network of the same kind, buffers included."""
    other = build_model(SPEC)
    other(paddle.rand([2, 3, 32, 32]))
    return arrays_of(other)


def refused(model, state, pattern):
    before = arrays_of(model)
    with pytest.raises(CheckpointError) as caught:
        load_strict(model, state, source="run/model.pdparams")
    message = str(caught.value)
    assert message.startswith("run/model.pdparams: ") and re.search(pattern, message), message
    assert unchanged(model, before)
    return message


def test_strict_fills_everything(model, state):
    load_strict(model, state, source="x")
    assert unchanged(model, state)
    mean = "backbone.stages.0.0.bn._mean"
    assert any(name.endswith("_mean") and state[name].any() for name in state), mean


def test_one_missing_one_unexpected(model, state):
    first = next(iter(state))
    state["strange"] = state.pop(first)
    message = refused(model, state, r"missing \(1\)")
    assert first in message and "unexpected (1): strange" in message


def test_a_missing_buffer_counts(model, state):
    name = next(n for n in state if n.endswith("_variance"))
    del state[name]
    assert name in refused(model, state, r"missing \(1\)")


def test_first_five_names(model, state):
    names = list(state)[:7]
    for name in names:
        del state[name]
    message = refused(model, state, r"missing \(7\)")
    assert all(name in message for name in names[:5]) and names[5] not in message and ", ..." in message


def test_other_num_classes(model):
    other = arrays_of(build_model({**SPEC, "num_classes": 5}))
    message = refused(model, other, r"trained with num_classes 5, the model has 3")
    assert "classifier.weight file [5, 4, 1, 1] model [3, 4, 1, 1]" in message


def test_other_width(model):
    refused(model, arrays_of(build_model({**SPEC, "base_channels": 8})), r"mis-shaped .*\n.*another width or input")


def test_other_network(model):
    refused(model, {"a.weight": np.ones(3, np.float32)}, "another network")


def test_integers_do_not_become_weights(model, state):
    name = next(iter(state))
    state[name] = state[name].astype(np.int32)
    refused(model, state, "mis-shaped")


def test_backbone_alone(model, state):
    backbone = {k[len("backbone.") :]: v for k, v in state.items() if k.startswith("backbone.")}
    refused(model, backbone, r"holds the 'backbone\.' part alone")


def test_a_prefix_too_many(model, state):
    refused(model, {f"net.{k}": v for k, v in state.items()}, r"begin with 'net\.'")


def test_part_left_over(model, state):
    refused(model, {**state, "aux.weight": np.ones(3, np.float32)}, "parts that this model was built without")


def test_half_precision_is_widened(model, state):
    load_strict(model, {k: v.astype(np.float16) for k, v in state.items()}, source="x")
    assert all(v.numpy().dtype == np.float32 for v in model.state_dict().values())


def test_bfloat16_layers_get_their_numbers_back():
    layer = nn.Linear(3, 4)
    layer = layer.to(dtype="bfloat16")
    values = layer.weight.cast("float32").numpy()
    load_strict(layer, {"weight": values, "bias": np.ones(4, np.float32)}, source="x")
    np.testing.assert_array_equal(layer.weight.cast("float32").numpy(), values)
    np.testing.assert_array_equal(layer.bias.cast("float32").numpy(), np.ones(4))


def lazy(**spec):
    """A network as names and shapes, without numbers."""
    with paddle.LazyGuard():
        return MODELS.build(spec, offered={"num_classes": 4})


@pytest.mark.parametrize(
    "ours, theirs, cause",
    [
        ({"backbone": "ResNet50"}, {"backbone": "ResNet101"}, "another backbone, or another depth"),
        ({"backbone": "ResNet101"}, {"backbone": "ResNet50"}, "another backbone, or another depth"),
        ({}, {"type": "DeepLabV3"}, "on the same backbone"),
        ({"context": "GloRe"}, {}, "another context unit, none,"),
        ({}, {"context": "GloRe"}, "another context unit, none,"),
        ({}, {"num_classes": 19}, "trained with num_classes 19, the model has 4"),
        ({"type": "GINet"}, {"type": "GINet", "num_classes": 19}, "trained with num_classes 19, the model has 4"),
    ],
)
def test_guesses_on_real_networks(ours, theirs, cause):
    model, other = lazy(**{"type": "PSPNet", **ours}), lazy(**{"type": "PSPNet", **theirs})
    state = {k: np.broadcast_to(np.float32(0), v.shape) for k, v in other.state_dict().items()}
    with pytest.raises(CheckpointError, match=cause):
        load_strict(model, state, source="x")


# -- pretrained -----------------------------------------------------------------------------------


def test_pretrained_share(model, state, caplog):
    names = list(state)
    allowed = int(len(names) * 0.05)
    assert allowed >= 1
    for name in names[:allowed]:
        del state[name]
    state["fc.weight"] = np.ones(3, np.float32)
    with caplog.at_level(logging.INFO, "paddleseg_lite"):
        match = load_pretrained(model, state, source="a.pdparams")
    assert len(match.matched) == len(names) - allowed and match.unexpected == ["fc.weight"]
    assert f"filled {len(names) - allowed} of {len(names)}" in caplog.text and names[0] in caplog.text
    del state[names[allowed]]
    before = arrays_of(model)
    with pytest.raises(CheckpointError, match=rf"only {len(names) - allowed - 1} of {len(names)} .* at least 95%"):
        load_pretrained(model, state, source="a.pdparams")
    assert unchanged(model, before)


@pytest.mark.parametrize("write, name", [(write_pdparams, "w.pdparams"), (write_safetensors, "w.safetensors")])
def test_build_model_fills_the_backbone(tmp_path, state, write, name):
    backbone = {k[len("backbone.") :]: v for k, v in state.items() if k.startswith("backbone.")}
    path = str(tmp_path / name)
    write(path, {**backbone, "fc.weight": np.ones((4, 9), np.float32)})
    built = arrays_of(build_model({**SPEC, "pretrained": path}))
    assert all((built[f"backbone.{k}"] == v).all() for k, v in backbone.items())
    assert (built["classifier.weight"] != state["classifier.weight"]).any()


def test_build_model_fills_the_whole_network_but_the_classifier(tmp_path, state):
    path = str(tmp_path / "w.pdparams")
    write_pdparams(path, state)
    built = arrays_of(build_model({**SPEC, "num_classes": 5, "pretrained": path}))
    for name, array in state.items():
        assert name.startswith("classifier") or (built[name] == array).all(), name
    assert built["classifier.weight"].shape[0] == 5


def test_build_model_takes_the_backbone_out_of_another_network(tmp_path, state):
    """The same backbone under another head: only the prefix tells them apart."""
    path = str(tmp_path / "w.pdparams")
    write_pdparams(path, {k if k.startswith("backbone.") else f"other.{k}": v for k, v in state.items()})
    built = arrays_of(build_model({**SPEC, "pretrained": path}))
    assert all((built[k] == v).all() for k, v in state.items() if k.startswith("backbone."))


def test_build_model_refuses_a_bad_match(tmp_path, state):
    path = str(tmp_path / "w.pdparams")
    write_pdparams(path, {k: v for k, v in state.items() if not k.endswith("weight")})
    with pytest.raises(CheckpointError, match=r"at least 95% are needed"):
        build_model({**SPEC, "pretrained": path})
    with pytest.raises(CheckpointError, match="there is no such weights file"):
        build_model({**SPEC, "pretrained": str(tmp_path / "none.pdparams")})


def test_addresses(tmp_path, model, state):
    write_pdparams(tmp_path / "w.pdparams", state)
    set_fetcher(lambda address: str(tmp_path / address.rsplit("/", 1)[1]))
    try:
        assert apply_pretrained(model, "https://example.com/w.pdparams").share == 1
    finally:
        set_fetcher(None)


# -- origins --------------------------------------------------------------------------------------


TORCHVISION = {
    "conv1.weight": (64, 3, 7, 7),
    "bn1.running_mean": (64,),
    "layer1.0.conv1.weight": (64, 64, 1, 1),
    "fc.weight": (1000, 512),
    "fc.bias": (1000,),
}


@pytest.mark.parametrize(
    "shapes, origin",
    [
        (TORCHVISION, "torchvision"),
        ({f"backbone.{k}": v for k, v in TORCHVISION.items()}, "torchvision"),
        (
            {"features.0.weight": (64, 3, 3, 3), "classifier.6.weight": (1000, 4096), "classifier.6.bias": (1000,)},
            "torchvision",
        ),
        (
            {"features.0.weight": (64, 3, 3, 3), "classifier.6.weight": (4096, 1000), "classifier.6.bias": (1000,)},
            "paddle.vision",
        ),
        (
            {"conv1.weight": (64, 3, 7, 7), "bn1._mean": (64,), "fc.weight": (512, 1000), "fc.bias": (1000,)},
            "paddle.vision",
        ),
        ({"backbone.conv1_1._conv.weight": (32, 3, 3, 3), "backbone.conv1_1._batch_norm._mean": (32,)}, "paddleseg"),
        ({"conv1_1_weight": (64, 3, 3, 3), "fc6_weight": (4096, 512, 7, 7)}, "caffe"),
        ({"backbone.0.0.weight": (16, 3, 3, 3), "backbone.0.1.running_mean": (16,)}, "torchvision"),
        ({"encoder.stem.running_var": (8,)}, "pytorch"),
        ({"backbone.stages.0.0.conv.weight": (8, 3, 3, 3), "decode_head.weight": (3,)}, "native"),
    ],
)
def test_origins_by_their_names(shapes, origin):
    assert detect_origin({k: np.zeros(s, np.float32) for k, s in shapes.items()}) == origin


@pytest.mark.parametrize("style", ["same", "paddleseg", "original"])
def test_styles_are_native(style):
    assert detect_origin(arrays_of(build_model({**SPEC, "style": style}))) == "native"


@pytest.mark.parametrize("name", MODELS.names())
def test_our_own_networks_are_native(name):
    """By their names alone: none of our files may be taken for another project's."""
    with paddle.LazyGuard():  # names and shapes without numbers
        own = MODELS.build({"type": name}, offered={"num_classes": 4})
    assert detect_origin(own.state_dict()) == "native"


def test_the_error_names_the_origin(model):
    foreign = {k: np.zeros(s, np.float32) for k, s in TORCHVISION.items()}
    refused(model, foreign, r"looks like torchvision weights.*tools/convert.py --from torchvision")


def test_registered_converters_are_used(tmp_path, model, state):
    """A file of an origin with a converter goes into the part that the converted names fit."""
    backbone = {k[len("backbone.") :]: v for k, v in state.items() if k.startswith("backbone.")}
    foreign = {f"made_up/{k}": v for k, v in backbone.items()}
    path = str(tmp_path / "w.npz")
    np.savez(path, **foreign)
    origins.register("made-up", lambda s: all(k.startswith("made_up/") for k in s))
    try:
        with pytest.raises(CheckpointError, match="looks like made-up"):
            apply_pretrained(model, path)
        origins.register("made-up", convert=lambda s, layer: {k[len("made_up/") :]: v for k, v in s.items()})
        assert apply_pretrained(model, path).share == 1
        assert all((arrays_of(model)[f"backbone.{k}"] == v).all() for k, v in backbone.items())
    finally:
        del ORIGINS["made-up"]
    with pytest.raises(ValueError, match="needs a detect function"):
        origins.register("nobody")


def test_a_backbone_alone_from_a_run_of_the_same_network(tmp_path):
    """``part: backbone``: the head stays as it was drawn, though the file would fill it; without it, it is filled."""
    spec = {"type": "DeepLabV3P", "backbone": {"type": "ResNet18", "width": 0.125}, "num_classes": 3}
    other = build_model(spec)
    save_checkpoint(tmp_path / "run" / "best_model", model=other, state={})
    run = str(tmp_path / "run")
    alone = build_model({**spec, "pretrained": {"path": run, "part": "backbone"}})
    whole = build_model({**spec, "pretrained": run})
    theirs, parts = arrays_of(other), {"alone": arrays_of(alone), "whole": arrays_of(whole)}
    in_backbone = [name for name in theirs if name.startswith("backbone.")]
    assert all((parts["alone"][n] == theirs[n]).all() for n in in_backbone)
    assert all((parts["whole"][n] == theirs[n]).all() for n in theirs)
    heads = [n for n in theirs if n not in in_backbone and n.endswith("weight") and theirs[n].ndim == 4]
    assert heads and all((parts["alone"][n] != theirs[n]).any() for n in heads)


@pytest.mark.parametrize("given", [{"path": "x", "part": "head"}, {"part": "backbone"}, {"path": "x", "share": 1}])
def test_a_part_there_is_none_of_is_named(given):
    with pytest.raises(ConfigError, match="part: backbone"):
        build_model({**SPEC, "pretrained": given})
