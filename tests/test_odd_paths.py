"""Paths that no file can have: our errors from every public door, and never a raw one of the system."""

import os
from pathlib import Path

import pytest
import yaml

import paddleseg_lite
from paddleseg_lite.checkpoint import load_checkpoint
from paddleseg_lite.config import Config, load_config
from paddleseg_lite.data import read_image, read_label
from paddleseg_lite.data.datasets.listfile import Dataset
from paddleseg_lite.errors import UserError
from paddleseg_lite.export import Deployment
from paddleseg_lite.files import expanded
from paddleseg_lite.inference.sources import find_sources
from paddleseg_lite.models import build_model
from paddleseg_lite.studies.loading import load_study
from paddleseg_lite.weights import read_weights

ODD = {
    "NUL": "a\0b",
    "long name": "x" * 300,
    "long path": "x/" * 3000,
    "home": "~nosuchuser_1/x",
    "surrogate": "a\ud800",
}
SCENES = {"type": "Scenes", "num_samples": 2, "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}


def train_into(path):
    config = Config(
        model={"type": "UNet", "base_channels": 4},
        train_dataset=SCENES,
        batch_size=2,
        iters=1,
        do_eval=False,
        lr_scheduler={"type": "Constant", "learning_rate": 0.01},
    )
    paddleseg_lite.train(config, save_dir=path)


def written(tree):
    """A YAML file in the folder that is the current one."""
    Path("odd.yml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return "odd.yml"


def study(**keys):
    units = {"path": "model.context", "values": {"none": None, "one": {"type": "GloRe", "num_nodes": 4}}}
    plan = {"base": "unet/unet_scenes", "factors": {"unit": units}, "compare": "unit", "baseline": "none", "seeds": [0]}
    return load_study(written({**plan, **keys}))


def network(pretrained):
    return build_model({"type": "UNet", "num_classes": 2, "base_channels": 4, "pretrained": pretrained})


DOORS = {
    "_base_": lambda p: load_config(written({"_base_": p})),
    "base of a study": lambda p: study(base=p),
    "import of a study": lambda p: study(**{"import": [p]}),
    "pretrained": network,
    "pretrained part": lambda p: network({"path": p, "part": "backbone"}),
    "load": paddleseg_lite.load,
    "load_config": load_config,
    "load_checkpoint": load_checkpoint,
    "read_weights": read_weights,
    "Deployment.read": Deployment.read,
    "read_image": read_image,
    "read_label": read_label,
    "find_sources": find_sources,
    "dataset_root": lambda p: Dataset(dataset_root=p, num_classes=2, train_path="a.txt"),
    "train_path": lambda p: Dataset(dataset_root=".", num_classes=2, train_path=p),
    "class_names": lambda p: Dataset(dataset_root=".", num_classes=2, train_path="a", class_names=p),
    "save_dir": train_into,
}


@pytest.fixture
def loop(tmp_path):
    os.symlink(tmp_path / "b", tmp_path / "a")
    os.symlink(tmp_path / "a", tmp_path / "b")
    return str(tmp_path / "a" / "x")


@pytest.mark.parametrize("door", list(DOORS))
def test_every_door_has_an_answer(door, loop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, path in {**ODD, "loop": loop}.items():
        with pytest.raises(UserError) as found:
            DOORS[door](path)
        assert str(found.value).strip(), name


@pytest.mark.parametrize(
    "call",
    [
        "infer --model_path run --image_path a.png --save_dir",
        "train --config unet/unet_scenes --save_dir",
        "val --model_path run --report",
        "val --model_path run --json",
        "export --model_path run --save_dir",
        "compare run run --save_dir",
        "summary --model UNet --draw",
        "prepare scenes --count 1 --output",
        "convert --config c.yml --input a.pdparams --output",
    ],
)
def test_an_output_has_a_path_and_a_home_that_is_there(call, tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, why in (("", "is empty"), ("~nosuchuser_1/x", "no such home")):
        status, _, err = tool(*call.split(), path)
        assert status == 2 and why in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_home_of_an_output_is_the_users(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    status, _, err = tool("prepare", "scenes", "--count", 1, "--size", 48, "--no_preview", "--output", "~/scenes")
    assert status == 0 and (tmp_path / "home" / "scenes").is_dir() and not (tmp_path / "~").exists(), err


def test_a_path_that_may_be_is_left_alone(tmp_path):
    assert expanded(tmp_path / "new") == tmp_path / "new"
    assert str(expanded("~")) == os.path.expanduser("~")
    for path, why in (("a\0b", "NUL"), ("~nosuchuser_1", "no such home"), ("x" * 300, "too long")):
        with pytest.raises(UserError, match=why):
            expanded(path)
