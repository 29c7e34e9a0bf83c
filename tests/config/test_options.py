"""``--opts``: another network's arguments are left out, and an error in an option is never blamed on a file."""

import logging

import pytest

from paddleseg_lite.config import load_config
from paddleseg_lite.errors import ConfigError

RECIPE = """
model: {type: UNet, base_channels: 4, dropout: 0.1, context: {type: GloRe, num_nodes: 4, position: deep, reduce: 8}}
optimizer: {type: adam, beta1: 0.8, weight_decay: 1.0e-4}
lr_scheduler: {type: PolynomialDecay, learning_rate: 0.1, power: 0.5}
train_dataset: {type: Scenes, num_samples: 4, size: [32, 32], num_classes: 6, transforms: [{type: Normalize}]}
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_another_network_leaves_the_arguments_of_the_first(recipe, caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_lite")
    config = load_config(recipe, opts=["model.type=SegNet"])
    assert config.model == {
        "type": "SegNet",
        "context": {"type": "GloRe", "num_nodes": 4, "position": "deep", "reduce": 8},
    }
    assert caplog.messages == ["model: SegNet does not take base_channels, dropout of UNet: left out."]
    config = load_config(recipe, opts=["optimizer.type=sgd", "lr_scheduler.type=Constant", "model.context.type=GCU"])
    assert config.optimizer == {"type": "sgd", "weight_decay": 1e-4}
    assert config.lr_scheduler == {"type": "Constant", "learning_rate": 0.1}
    assert config.model["context"] == {"type": "GCU", "num_nodes": 4, "position": "deep", "reduce": 8}


def test_an_argument_of_an_option_stays_and_is_an_error(recipe):
    with pytest.raises(ConfigError, match=r"^--opts model.base_chanels=8: model: model SegNet has no argument"):
        load_config(recipe, opts=["model.type=SegNet", "model.base_chanels=8"])


def test_the_same_type_leaves_nothing_out(recipe):
    recipe.write_text(RECIPE.replace("dropout", "dropuot"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yml: model: .*dropuot.*Did you mean 'dropout'"):
        load_config(recipe, opts=["model.type=UNet"])


@pytest.mark.parametrize(
    "option",
    [
        "model.varient=same",
        "model.type=UNett",
        "model=UNet",
        "optimizer.momentun=0.9",
        "optimizer=5",
        "lr_scheduler.type=Poly",
        "loss=3",
        "loss.out=3",
        "loss.out.typ=CrossEntropyLoss",
        "loss.aux={coef: 1}",
        "loss.types=[CrossEntropyLoss]",
        "train_dataset.transforms.0.men=3",
        "train_dataset.transforms.-1.men=3",
        "train_dataset.transforms=Normalize",
        "train_dataset.transforms.7.type=x",
        "train_dataset.num_clases=3",
        "test_config.crf=nothing",
        "test_config.is_slides=true",
        "test_config=5",
        "batch_size=two",
        "batch_size=0",
        "precision=fp8",
        "class_weights=[-1]",
        "seed=-1",
        "ema_decay=2",
        "num_workers=-2",
        "iters=3",
        "nokey=3",
        "a.b.c=3",
    ],
)
def test_an_error_of_an_option_is_not_blamed_on_the_file(recipe, option):
    opts = [option, "epochs=2"] if option == "iters=3" else [option]
    try:
        load_config(recipe, opts=opts)
    except ConfigError as e:
        text = str(e)
        assert text.startswith("--opts ") and option.partition("=")[0].split(".")[0] in text, text
        assert "mine.yml" not in text, text
    else:
        assert option == "iters=3"  # the later of two rivals counts


def test_prediction_needs_neither_dataset_nor_loss(recipe):
    text = RECIPE.replace("type: Scenes, num_samples: 4, size: [32, 32]", "type: MyPhotos, folder: x")
    recipe.write_text(text + "loss: {out: {type: MyLoss}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"unknown dataset type 'MyPhotos'.*--import FILE\.py"):
        load_config(recipe)
    assert load_config(recipe, prediction=True).train_dataset["type"] == "MyPhotos"
    with pytest.raises(ConfigError, match="unknown transform type 'Normalise'"):
        recipe.write_text(text.replace("Normalize", "Normalise"), encoding="utf-8")
        load_config(recipe, prediction=True)


@pytest.mark.parametrize(
    "text, value",
    [
        ("0.75,1.0,1.25", [0.75, 1.0, 1.25]),
        ("(0.5, 1)", [0.5, 1]),
        ("(1.5,)", [1.5]),
        ("[0.5, 2.0]", [0.5, 2.0]),
        ("1e-1,.5", [0.1, 0.5]),
        ("1.25", 1.25),
    ],
)
def test_numbers_as_paddleseg_takes_them(recipe, text, value):
    assert load_config(recipe, opts=[f"test_config.scales={text}"], check=False).test_config.scales == value


def test_what_only_looks_like_numbers_stays_a_text(recipe):
    config = load_config(recipe, opts=["val_dataset={type: Scenes, a: x}", "val_dataset.a=1,b"], check=False)
    assert config.val_dataset["a"] == "1,b"
    assert load_config(recipe, opts=["test_config.crop_size=(64, 32)"], check=False).test_config.crop_size == [64, 32]
    assert load_config(recipe, opts=["test_config.stride=None"], check=False).test_config.stride is None
