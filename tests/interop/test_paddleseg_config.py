"""PaddleSeg's schema: small files of our own in it, and what they become."""

import contextlib
import copy
import logging

import pytest
import yaml

from paddleseg_lite import build_model, load_config
from paddleseg_lite.config import check_components, parse_config
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.interop.paddleseg_config import is_paddleseg, translate

DATA = {"dataset_root": "data/x", "num_classes": 4, "transforms": [{"type": "Normalize"}]}
RESNET = {"type": "ResNet50_vd", "output_stride": 8, "pretrained": "https://example.com/r50.tar.gz"}
BASE = {
    "batch_size": 2,
    "iters": 100,
    "train_dataset": {"type": "Dataset", "train_path": "t.txt", "mode": "train", **DATA},
    "val_dataset": {"type": "Dataset", "val_path": "v.txt", "mode": "val", **DATA},
    "optimizer": {"type": "sgd", "momentum": 0.9, "weight_decay": 4e-5},
    "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0, "power": 0.9},
    "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1, 0.4]},
    "model": {"type": "PSPNet", "backbone": RESNET, "enable_auxiliary_loss": True, "pretrained": None},
}


@pytest.fixture
def read(tmp_path):
    """``read({changes}, *opts)``: BASE with changes (None removes a key), as a file, loaded."""

    def call(changes=None, *opts, check=True):
        tree = {k: v for k, v in {**BASE, **(changes or {})}.items() if v is not None}
        path = tmp_path / "theirs.yml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return load_config(path, opts=opts, check=check)

    return call


def test_a_plain_file(read):
    config = read()
    assert config.model == {
        "type": "PSPNet",
        "style": "paddleseg",
        "aux": True,
        "pretrained": "https://example.com/r50.tar.gz",
        "backbone": {"type": "ResNet50_vd", "output_stride": 8, "multi_grid": [1, 1, 1]},
    }
    assert config.loss == {
        "out": {"type": "CrossEntropyLoss", "coef": 1},
        "aux": {"type": "CrossEntropyLoss", "coef": 0.4},
    }
    assert config.optimizer == {"type": "sgd", "momentum": 0.9, "weight_decay": 4e-5}
    assert (config.batch_size, config.iters) == (2, 100)


def test_the_resolved_recipe_is_ours(read, tmp_path):
    config = read()
    (tmp_path / "config.yml").write_text(config.to_yaml(), encoding="utf-8")
    assert not is_paddleseg(yaml.safe_load(config.to_yaml()))
    assert load_config(tmp_path / "config.yml") == config


@pytest.mark.parametrize(
    "model, ours",
    [
        (
            {"type": "FCN", "backbone": {"type": "ResNet18_vd"}, "backbone_indices": [-1], "channels": 16},
            {"style": "paddleseg", "head_channels": 16},
        ),
        ({"type": "UNet", "use_deconv": True}, {"style": "paddleseg_deconv"}),
        ({"type": "UNet", "use_deconv": False, "align_corners": True}, {"style": "paddleseg", "align_corners": True}),
        ({"type": "SegNet"}, {"style": "paddleseg"}),
        ({"type": "ENet", "encoder_relu": False}, {"style": "paddleseg"}),
        (
            {
                "type": "PSPNet",
                "backbone": {"type": "ResNet18_vd"},
                "bin_sizes": [1, 2],
                "pp_out_channels": 64,
                "enable_auxiliary_loss": False,
            },
            {"bins": [1, 2], "head_channels": 64, "aux": False},
        ),
        # PaddleSeg's rates do not follow the output stride
        (
            {"type": "DeepLabV3", "backbone": {"type": "ResNet18_vd", "multi_grid": [1, 2, 4]}},
            {"aspp_rates": [6, 12, 18]},
        ),
        (
            {
                "type": "DeepLabV3P",
                "backbone": {"type": "MobileNetV1_x0_5"},
                "aspp_ratios": [1, 12, 24, 36],
                "aspp_out_channels": 32,
                "backbone_indices": [0, 3],
            },
            {"aspp_rates": [12, 24, 36], "aspp_channels": 32},
        ),
        (
            {"type": "GloRe", "backbone": {"type": "ResNet18_vd"}, "gru_num_state": 8, "gru_num_node": 4},
            {"style": "paddleseg", "num_state": 8, "num_nodes": 4},
        ),
        ({"type": "GINet", "backbone": {"type": "ResNet50_vd"}, "jpu": False}, {"style": "paddleseg", "jpu": False}),
    ],
)
def test_networks(read, model, ours):
    aux = model["type"] in ("PSPNet", "GloRe", "GINet") and model.get("enable_auxiliary_loss", True)
    loss = {"types": [{"type": "CrossEntropyLoss"}], "coef": [1, 0.4] if aux else [1]}
    config = read({"model": model, "loss": loss})
    assert {k: config.model.get(k) for k in ours} == ours
    if "backbone" in model and model["backbone"]["type"] != "ResNet50_vd":
        network = build_model(config.model, num_classes=4)
        assert network.backbone.strides[-1] == 8


def test_bases_are_merged_in_their_own_keys(tmp_path):
    folder = tmp_path / "_base_"
    folder.mkdir()
    (folder / "data.yml").write_text(yaml.safe_dump({k: v for k, v in BASE.items() if k != "model"}), encoding="utf-8")
    (folder / "runtime.yml").write_text(
        "global: {device: gpu, num_workers: 3, data_format: NCHW}\n"
        "train: {save_dir: ./output, do_eval: False, save_interval: 50, seed: null, precision: fp32}\n"
        "test: {is_slide: True, crop_size: [64, 32], stride: [32, 32], auc_roc: False}\n",
        encoding="utf-8",
    )
    own = {
        "_base_": ["_base_/data.yml", "_base_/runtime.yml"],
        "model": BASE["model"],
        "optimizer": {"_inherited_": False, "type": "adam", "weight_decay": 1e-4},
        "loss": {"types": [{"type": "OhemCrossEntropyLoss", "min_kept": 5}, {"type": "CrossEntropyLoss"}]},
    }
    (tmp_path / "own.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    config = load_config(tmp_path / "own.yml")
    assert config.optimizer == {"type": "adam", "weight_decay": 1e-4}
    assert config.loss["out"] == {"type": "OhemCrossEntropyLoss", "min_kept": 5, "coef": 1}
    assert (config.num_workers, config.save_interval, config.seed, config.do_eval) == (3, 50, 42, True)
    assert (config.test_config.is_slide, config.test_config.crop_size) == (True, [64, 32])


def test_of_several_bases_the_first_counts_most(tmp_path):
    """As PaddleSeg merges them; in recipes of ours the last does."""
    for name, rate, batch in (("one", 0.1, 3), ("two", 0.2, 5)):
        text = f"lr_scheduler: {{type: PolynomialDecay, learning_rate: {rate}}}\nbatch_size: {batch}\n"
        (tmp_path / f"{name}.yml").write_text(text + ("keep_checkpoint_max: 9\n" if name == "two" else ""))
    both = {"_base_": ["one.yml", "two.yml"], "iters": 10}
    theirs = {**{k: v for k, v in BASE.items() if k != "lr_scheduler"}, **both}
    theirs.pop("batch_size", None)
    (tmp_path / "theirs.yml").write_text(yaml.safe_dump(theirs), encoding="utf-8")
    (tmp_path / "ours.yml").write_text(yaml.safe_dump({**both, "model": {"type": "UNet"}}), encoding="utf-8")
    config = load_config(tmp_path / "theirs.yml", check=False)
    assert (config.lr_scheduler["learning_rate"], config.batch_size, config.keep_checkpoint_max) == (0.1, 3, 9)
    config = load_config(tmp_path / "ours.yml", check=False)
    assert (config.lr_scheduler["learning_rate"], config.batch_size) == (0.2, 5)


def test_bases_that_are_not_inherited(tmp_path):
    """The first base that has the key is kept out, and a second is merged below again: PaddleSeg's way."""
    from paddleseg_lite.config.reading import merge_below

    own = {"optimizer": {"_inherited_": False, "type": "adam"}}
    once = merge_below({"optimizer": {"type": "sgd", "momentum": 0.9}}, own)
    assert once == {"optimizer": {"type": "adam"}}
    assert merge_below({"optimizer": {"weight_decay": 1e-4}}, once)["optimizer"] == {
        "type": "adam",
        "weight_decay": 1e-4,
    }
    assert merge_below({"iters": 1}, own)["optimizer"] == own["optimizer"]  # no base had it yet


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"type": "FCN8s"}},
        {"model": {"type": "UNet", "base_channels": 8}},
        {"model": {"type": "PSPNet", "backbone": "ResNet18", "aux": True}},
        {"model": {"type": "UNet"}, "train_dataset": {"type": "Scenes"}},
    ],
)
def test_listed_losses_do_not_make_our_recipe_theirs(change):
    tree = {"loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]}, "iters": 5, **change}
    assert not is_paddleseg(tree)
    assert is_paddleseg({**tree, "learning_rate": {"value": 0.1, "decay": {"type": "poly"}}})
    assert is_paddleseg({**tree, "model": {"type": "UNet", "context": {"type": "GloRe"}}, "train_dataset": {}})


def test_a_backbone_that_others_mean_differently(read):
    model = {"type": "FCN", "backbone": {"type": "ResNet50"}}
    with pytest.raises(ConfigError, match="has no ResNet50, and files that bring one"):
        read({"model": model, "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]}})


def test_options_use_the_keys_of_the_file(read):
    config = read(
        None,
        "model.backbone.pretrained=r50.pdparams",
        "model.pp_out_channels=32",
        "model.context.type=GloRe",
        "lr_scheduler.learning_rate=0.5",
    )
    assert (config.model["pretrained"], config.model["head_channels"]) == ("r50.pdparams", 32)
    assert config.model["context"] == {"type": "GloRe"}  # ours, in their file
    assert config.lr_scheduler["learning_rate"] == 0.5


def test_schedules(read):
    old = {"lr_scheduler": None, "optimizer": {"type": "sgd"}}
    config = read({**old, "learning_rate": {"value": 0.02, "decay": {"type": "poly", "power": 0.9}}})
    assert config.lr_scheduler == {"type": "PolynomialDecay", "learning_rate": 0.02, "power": 0.9, "end_lr": 0.0001}
    assert config.optimizer["momentum"] == 0.9  # in files of that age sgd always had one
    steps = {"type": "piecewise", "boundaries": [10, 20]}
    config = read({**old, "learning_rate": {"value": [0.1, 0.01, 0.001], "decay": steps}})
    assert config.lr_scheduler == {"type": "PiecewiseDecay", "boundaries": [10, 20], "values": [0.1, 0.01, 0.001]}
    config = read(
        {"lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.1, "warmup_iters": 5, "warmup_start_lr": 0.0}}
    )
    assert (config.lr_scheduler["end_lr"], config.lr_scheduler["power"]) == (0.0001, 1.0)  # Paddle's defaults


def test_optimizers_and_losses(read):
    config = read(
        {
            "optimizer": {"type": "SGD", "backbone_lr_mult": 0.1, "weight_decay": 1e-4},
            "loss": {
                "types": [
                    {
                        "type": "MixedLoss",
                        "losses": [{"type": "CrossEntropyLoss"}, {"type": "LovaszSoftmaxLoss"}],
                        "coef": [0.8, 0.2],
                    },
                    {"type": "MultiClassFocalLoss", "num_class": 4, "gamma": 1.0},
                ],
                "coef": [1, 0.4],
            },
        }
    )
    assert config.optimizer["custom_cfg"] == [{"name": "backbone.", "lr_mult": 0.1}]
    assert config.loss["aux"] == {"type": "FocalLoss", "gamma": 1.0, "coef": 0.4}
    assert config.loss["out"]["coef"] == [0.8, 0.2]


def test_datasets(read):
    retina = {"type": "DRIVE", "dataset_root": "data/DRIVE", "transforms": [{"type": "Normalize"}], "mode": "train"}
    config = read({"train_dataset": retina, "val_dataset": {**retina, "mode": "val"}})
    assert config.val_dataset["type"] == "Dataset" and config.val_dataset["val_path"] == "val_list.txt"
    assert config.val_dataset["class_names"] == ["background", "vessel"]
    context = {"type": "PascalContext", "dataset_root": "d", "transforms": [], "mode": "train"}
    assert read({"train_dataset": context, "val_dataset": None}).train_dataset["type"] == "PascalContext60"


def test_everything_unsupported_in_one_error(read, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(
            {
                "model": {
                    "type": "PSPNet",
                    "backbone": {"type": "HRNet_W18"},
                    "bin_size": [1],
                    "backbone_indices": [1, 3],
                },
                "train_dataset": {**BASE["train_dataset"], "edge": True, "transforms": [{"type": "RandomAffine"}]},
                "loss": {"types": [{"type": "RMILoss"}, {"type": "FocalLoss"}], "coef": [1, 0.4]},
                "optimizer": {"type": "AdamWDL"},
                "nepochs": 3,
                "train": {"speed": 1},
                "global": {"data_format": "NHWC"},
                "lr_scheduler": {"type": "OneCycleLR", "learning_rate": 1.0},
            }
        )
    lines = [line.strip() for line in str(caught.value).splitlines()[1:-1]]
    assert all(line.startswith(f"{tmp_path / 'theirs.yml'}: ") for line in lines)
    keys = [line.split(": ")[1] for line in lines]
    assert sorted(keys) == sorted(
        [
            "nepochs",
            "train.speed",
            "global.data_format",
            "model.bin_size",
            "model.backbone_indices",
            "model.backbone.type",
            "train_dataset.edge",
            "train_dataset.transforms.0",
            "loss.types.0",
            "loss.types.1",
            "lr_scheduler.type",
            "optimizer.type",
        ]
    )
    assert "Did you mean 'bin_sizes'?" in str(caught.value)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model": {"type": "SegFormer"}}, "model.type: network SegFormer is not built here"),
        ({"model": {**BASE["model"], "num_classes": 19}}, "model.num_classes: is 19, but train_dataset Dataset has 4"),
        (
            {"loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]}},
            "1 coefficients, but the network has 2 output",
        ),
        ({"model": {"type": "UNet", "backbone": {"type": "ResNet50_vd"}}}, "PaddleSeg's UNet takes no backbone"),
        ({"train_dataset": {**BASE["train_dataset"], "type": "CocoStuff"}}, "dataset CocoStuff is not read here"),
        ({"optimizer": {"type": "sgd", "custom_cfg": [{"name": "head", "lr_mult": 10}]}}, "'head' is meant for"),
        ({"iters": None}, "iters: is not given"),
    ],
)
def test_one_line_each(read, changes, message):
    if changes.get("model", {}).get("type") == "UNet":
        changes = {**changes, "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]}}
    with pytest.raises(ConfigError, match=message):
        read(changes)


def test_notes_are_logged_once(read, caplog):
    with caplog.at_level(logging.INFO, "paddleseg_lite"):
        read({"test_config": {"auc_roc": True}, "distill_loss": {"types": [{"type": "KLLoss"}], "coef": [1]}})
        read({"test_config": {"auc_roc": True}, "distill_loss": {"types": [{"type": "KLLoss"}], "coef": [1]}})
    assert len([r for r in caplog.records if "test_config.auc_roc: left out" in r.message]) == 1


def test_our_own_recipes_are_not_taken_for_theirs(root):
    for path in (root / "configs").rglob("*.yml"):
        assert not is_paddleseg(yaml.safe_load(path.read_text(encoding="utf-8")) or {}), path


def test_tools_take_the_file(read, tool, tmp_path):
    """``tools/train.py --config THEIR.yml`` with no other key, on data of this test."""
    import numpy as np

    from paddleseg_lite.data import write_png

    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for i in range(2):
            write_png(tmp_path / f"{part}{i}.png", rng.integers(0, 256, [32, 32, 3], dtype=np.uint8))
            write_png(tmp_path / f"{part}{i}_id.png", rng.integers(0, 2, [32, 32], dtype=np.uint8))
        (tmp_path / f"{part}_list.txt").write_text("".join(f"{part}{i}.png {part}{i}_id.png\n" for i in range(2)))
    data = {"type": "OpticDiscSeg", "dataset_root": str(tmp_path), "transforms": [{"type": "Normalize"}]}
    read(
        {
            "train_dataset": {**data, "mode": "train"},
            "val_dataset": {**data, "mode": "val"},
            "iters": 2,
            "model": {"type": "ENet", "num_classes": 2},
            "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]},
        }
    )
    run = tmp_path / "run"
    theirs = tmp_path / "theirs.yml"
    status, out, err = tool("train", "--config", theirs, "--save_dir", run, "--no_vdl", "--device", "cpu")
    assert status == 0, err
    assert load_config(run / "config.yml").model["style"] == "paddleseg"
    status, out, err = tool("val", "--model_path", run, "--device", "cpu")
    assert status == 0 and "optic_disc" in out, err


def paths(node, prefix=()):
    """Every place in a tree."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*prefix, key)
        yield from paths(value, (*prefix, key))


JUNK = (None, 3, -1.5, "x", True, [], {}, [1, "a"], {"type": 3}, {"a": {"b": None}}, [None], [{"name": 1}])
RICH = {
    **BASE,
    "test_config": {"is_slide": True, "crop_size": [8, 8]},
    "train": {"save_interval": 5},
    "global": {"device": "cpu"},
    "optimizer": {"type": "sgd", "custom_cfg": [{"name": "bias", "lr_mult": 2.0}], "weight_decay": 1e-4},
    "loss": {
        "types": [
            {"type": "MixedLoss", "losses": [{"type": "CrossEntropyLoss"}], "coef": [1.0]},
            {"type": "CrossEntropyLoss", "weight": [1, 1, 1, 1]},
        ],
        "coef": [1, 0.4],
    },
    "model": {**BASE["model"], "bin_sizes": [1, 2], "num_classes": 4, "in_channels": 3},
}


@pytest.mark.parametrize("place", list(paths(RICH)), ids=lambda p: ".".join(map(str, p)))
def test_junk_is_a_config_error_and_nothing_else(place):
    for junk in JUNK:
        tree = copy.deepcopy(RICH)
        node = tree
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = junk
        with contextlib.suppress(ConfigError):
            check_components(parse_config(translate(tree, origins={}, source="junk.yml")))
