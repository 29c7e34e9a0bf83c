"""``tools/convert.py``: whole networks and backbones, accounts, and outputs compared with an origin."""

import importlib.util
import json
import sys
import textwrap

import numpy as np
import pytest

from paddleseg_lite import build_model
from paddleseg_lite.cli.jobs.convert import VERIFY_SHAPE
from paddleseg_lite.errors import EnvironmentProblem
from paddleseg_lite.interop.origin_parity import our_outputs, run_origin
from paddleseg_lite.weights import load_strict, read_weights, write_pdparams
from tests.interop.goldens import Golden

PADDLESEG, TORCHVISION = Golden("paddleseg"), Golden("torchvision")


@pytest.fixture
def theirs(tmp_path):
    """ENet's weights and config as PaddleSeg has them."""
    write_pdparams(tmp_path / "enet.pdparams", PADDLESEG.state("enet"))
    (tmp_path / "enet.yml").write_text(
        "iters: 1\nmodel: {type: ENet, num_classes: 5, pretrained: Null}\n"
        "lr_scheduler: {type: PolynomialDecay, learning_rate: 0.1}\n"
        "loss: {types: [{type: CrossEntropyLoss}], coef: [1]}\n",
        encoding="utf-8",
    )
    return tmp_path


def test_whole_network_with_either_config(theirs, tool):
    (theirs / "ours.yml").write_text("model: {type: ENet, style: paddleseg}\n", encoding="utf-8")
    for config, target in (("enet.yml", "a.pdparams"), ("ours.yml", "b.safetensors")):
        status, out, err = tool(
            "convert", "--config", theirs / config, "--input", theirs / "enet.pdparams", "--output", theirs / target
        )
        assert status == 0, err
        assert "534 of 534 tensors, the whole ENet" in out and "not used" not in out
    model = build_model({"type": "ENet", "style": "paddleseg", "num_classes": 5})
    a, b = read_weights(theirs / "a.pdparams"), read_weights(theirs / "b.safetensors")
    load_strict(model, a, source="a")
    assert all(np.array_equal(a[k], b[k]) for k in a)
    PADDLESEG.check("enet", "eval", [v for _, v in our_outputs(model, PADDLESEG.image("enet"), "eval")])


def test_a_backbone_alone_and_what_is_left_out(tmp_path, tool):
    write_pdparams(tmp_path / "resnet18.pdparams", TORCHVISION.state("resnet18"))
    (tmp_path / "c.yml").write_text("model: {type: FCN, backbone: ResNet18}\n", encoding="utf-8")
    source, target = tmp_path / "resnet18.pdparams", tmp_path / "o.pdparams"
    arguments = ["--config", tmp_path / "c.yml", "--input", source, "--output", target]
    status, out, err = tool("convert", "--from", "torchvision", *arguments)
    assert status == 0, err
    assert "100 of 122 tensors, the ResNet18" in out
    assert "not used (the ImageNet classifier): fc.weight, fc.bias" in out
    assert out.count("num_batches_tracked") == 20
    status, _, err = tool("convert", *arguments, "--verify")
    assert status == 2 and "--verify compares whole networks" in err
    build_model({"type": "FCN", "backbone": "ResNet18", "num_classes": 3, "pretrained": str(tmp_path / "o.pdparams")})


def test_errors(theirs, tool):
    arguments = ["--input", theirs / "enet.pdparams", "--output", theirs / "o.pdparams"]
    (theirs / "unet.yml").write_text("model: {type: UNet, variant: paddleseg}\n", encoding="utf-8")
    status, _, err = tool("convert", "--config", theirs / "unet.yml", *arguments)
    assert status == 2 and "of UNet are in it" in err and "Use the config the file was trained with" in err
    write_pdparams(theirs / "enet.pdparams", {"x.weight": np.zeros(3, "float32")})
    status, _, err = tool("convert", "--config", theirs / "enet.yml", *arguments)
    assert status == 2 and "native weights; those that can be converted are paddleseg" in err
    assert not (theirs / "o.pdparams").exists()


def test_verify_runs_the_origin(theirs, tool):
    """The origin is played by a script that answers with our own network's outputs, once changed."""
    model = build_model({"type": "ENet", "style": "paddleseg", "num_classes": 5})
    x = np.random.default_rng(0).normal(size=VERIFY_SHAPE).astype(np.float32)
    source, target = theirs / "enet.pdparams", theirs / "o.pdparams"
    arguments = ["--config", theirs / "enet.yml", "--input", source, "--output", target]
    tool("convert", *arguments)
    load_strict(model, read_weights(theirs / "o.pdparams"), source="o")
    answers = {f"{mode}_0": our_outputs(model, x, mode)[0][1] for mode in ("eval", "heads", "train")}
    for status, change in ((0, 0.0), (1, 0.01)):
        np.savez(theirs / "answers.npz", trainable=1, total=1, **{k: v + change for k, v in answers.items()})
        player = theirs / "python"
        player.write_text(
            textwrap.dedent(f"""\
            #!{sys.executable}
            import json, shutil, sys
            job = json.load(open(sys.argv[2]))
            json.dump(job, open({str(theirs / "job.json")!r}, "w"))
            shutil.copy({str(theirs / "answers.npz")!r}, job["output"])
        """),
            encoding="utf-8",
        )
        player.chmod(0o755)
        found, out, err = tool("convert", *arguments, "--verify", "--origin_python", player)
        assert found == status, err
        assert ("NOT equal" in out) == bool(status) and "verify: train out: largest difference" in out
    job = json.loads((theirs / "job.json").read_text())
    assert job["network"] == {"type": "ENet", "num_classes": 5} and job["weights"].endswith("enet.pdparams")


def test_verify_without_the_origin():
    if importlib.util.find_spec("torch") is not None:
        pytest.skip("torch is installed here")
    with pytest.raises(EnvironmentProblem, match=r"No module named 'torch'.*--origin_python PYTHON"):
        run_origin({"origin": "torchvision", "network": {"type": "resnet18"}})
