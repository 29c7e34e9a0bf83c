"""Config: layering, translation, and messages that name the file, the key and the nearest match."""

import pytest

from paddleseg_lite.config import load_config, parse_config
from paddleseg_lite.config.listed_losses import translate_loss
from paddleseg_lite.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def _write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.fixture
def recipe(write):
    write("data.yml", "train_dataset: {type: Scenes, num_samples: 4, transforms: [{type: Normalize}]}\nbatch_size: 2\n")
    return write("r.yml", "_base_: data.yml\nmodel: {type: UNet, base_channels: 8}\niters: 10\n")


def test_layers_base_file_opts_flags(recipe):
    config = load_config(recipe)
    assert (config.batch_size, config.iters, config.model["base_channels"]) == (2, 10, 8)
    config = load_config(recipe, opts=["batch_size=3", "iters=20"], overrides={"iters": 30, "seed": None})
    assert (config.batch_size, config.iters, config.seed) == (3, 30, 42)


def test_base_list_and_inherited_false(write):
    write("a.yml", "optimizer: {type: sgd, momentum: 0.5}\nmodel: {type: UNet}\n")
    write("b.yml", "optimizer: {weight_decay: 0.1}\n")
    merged = load_config(write("c.yml", "_base_: [a.yml, b.yml]\nbatch_size: 1\n"))
    assert merged.optimizer == {"type": "sgd", "momentum": 0.5, "weight_decay": 0.1}
    fresh = load_config(write("d.yml", "_base_: [a.yml, b.yml]\noptimizer: {_inherited_: False, type: Adam}\n"))
    assert fresh.optimizer == {"type": "Adam"}


def test_opts_values_may_hold_equals_signs_and_reach_into_lists(recipe):
    opts = ["train_dataset.transforms.0.type=Normalize", "train_dataset.dataset_root=a=b"]
    config = load_config(recipe, opts=opts, check=False)
    assert config.train_dataset["dataset_root"] == "a=b"
    assert config.train_dataset["transforms"][0]["type"] == "Normalize"


def test_option_alone_keeps_the_default_type(recipe):
    assert load_config(recipe, opts=["optimizer.momentum=0.5"]).optimizer["type"] == "sgd"


def test_iters_and_epochs_replace_each_other_across_layers(recipe):
    config = load_config(recipe, overrides={"epochs": 3})
    assert (config.iters, config.epochs) == (None, 3)


def test_exponents_without_a_dot_are_numbers(write):
    text = "model: {type: UNet}\nlr_scheduler: {type: PolynomialDecay, learning_rate: 1e-3}"
    config = load_config(write("e.yml", text))
    assert config.lr_scheduler["learning_rate"] == 1e-3


def test_saved_config_loads_to_the_same(recipe, write):
    config = load_config(recipe)
    assert load_config(write("again.yml", config.to_yaml())) == config


@pytest.mark.parametrize(
    "text, expected",
    [
        ("modle: {type: UNet}", ["there is no 'model'"]),
        ("model: {type: UNett}", ["model", "unknown model type 'UNett'", "Did you mean 'UNet'"]),
        ("model: {type: UNet, stile: same}", ["UNet has no argument 'stile'", "Did you mean 'style'"]),
        ("model: {type: UNet}\nbatchsize: 2", ["unknown key 'batchsize'", "Did you mean 'batch_size'"]),
        ("model: {type: UNet}\nbatch_size: two", ["'batch_size' must be int", "'two'"]),
        ("model: {type: UNet}\nbatch_size: true", ["'batch_size' must be int"]),
        ("model: {type: UNet}\nbatch_size: 0", ["batch_size must be at least 1"]),
        ("model: {type: UNet}\niters: 3\nepochs: 4", ["iters or epochs, not both"]),
        ("model: {type: UNet}\nprecision: fp8", ["precision is 'fp8'", "fp32, fp16, bf16"]),
        ("model: {type: UNet}\nfreeze_bn: head", ["freeze_bn is 'head'", "statistics, backbone, backbone_statistics"]),
        ("model: {type: UNet}\nfreeze_bn: 1", ["'freeze_bn' must be bool or str"]),
        ("model: {type: UNet}\nnum_workers: -1", ["num_workers must be 0 or more"]),
        ("model: {type: UNet}\ntest_config: {is_slides: true}", ["test_config.is_slides", "Did you mean 'is_slide'"]),
        ("model: {type: UNet}\nloss: {out: {type: CrossEntropy}}", ["loss.out", "CrossEntropyLoss"]),
        ("model: {type: UNet}\nloss: 3", ["loss must be a mapping"]),
        ("model: {type: UNet}\noptimizer: {type: sgd, momentun: 0.9}", ["momentun", "Did you mean 'momentum'"]),
        ("model: {type: UNet}\nlr_scheduler: {type: Poly}", ["unknown lr_scheduler type 'Poly'"]),
        ("model: {type: UNet}\ntrain_dataset: {type: CamVids}", ["train_dataset", "Did you mean 'CamVid'"]),
        (
            "model: {type: UNet}\ntrain_dataset: {type: Scenes, transforms: [{type: Normalise}]}",
            ["train_dataset.transforms.0", "Did you mean 'Normalize'"],
        ),
        ("model: [1", ["is not valid YAML"]),
        ("- 1", ["must hold a mapping"]),
        ("", ["must hold a mapping"]),
        ("_base_: nowhere.yml\nmodel: {type: UNet}", ["nowhere.yml' does not exist"]),
        ("_base_: bad.yml", ["in a circle"]),
        ("_base_: 3", ["_base_ must be a file name"]),
        ("model: !!python/object/apply:os.system ['true']", ["is not valid YAML"]),
    ],
)
def test_mistakes_name_the_file_the_key_and_the_remedy(write, text, expected):
    path = write("bad.yml", text)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    message = str(error.value)
    assert "bad.yml" in message or "nowhere.yml" in message
    for part in expected:
        assert part in message


def test_missing_file_suggests_a_sibling(recipe):
    with pytest.raises(ConfigError, match=r"does not exist, and no recipe has that name\. Did you mean 'r.yml'"):
        load_config(recipe.with_name("rr.yml"))


@pytest.mark.parametrize(
    "opt, expected",
    [
        ("batch_size", "takes key=value"),
        ("train_dataset.transforms.7.type=x", "is a list of 1"),
        ("iters.x=1", "is the value 10"),
        ("iters=[1", "not valid YAML"),
        ("batch_sise=1", "Did you mean 'batch_size'"),
    ],
)
def test_bad_opts(recipe, opt, expected):
    with pytest.raises(ConfigError) as error:
        load_config(recipe, opts=[opt])
    assert expected in str(error.value) and "--opts" in str(error.value)


def test_an_error_names_the_base_that_set_the_key(write):
    write("base.yml", "batch_size: lots\n")
    with pytest.raises(ConfigError, match=r"base\.yml: 'batch_size'"):
        load_config(write("top.yml", "_base_: base.yml\nmodel: {type: UNet}\n"))


class TestLossTranslation:
    def test_paddleseg_lists_become_names(self):
        named = translate_loss({"types": [{"type": "CrossEntropyLoss"}], "coef": [1, 0.4]})
        assert named == {
            "out": {"type": "CrossEntropyLoss", "coef": 1},
            "aux": {"type": "CrossEntropyLoss", "coef": 0.4},
        }

    def test_lengths_must_agree(self):
        with pytest.raises(ConfigError, match="2 loss types but 3 coefficients"):
            translate_loss({"types": [{"type": "A"}, {"type": "B"}], "coef": [1, 1, 1]})

    def test_both_lists_are_needed(self):
        with pytest.raises(ConfigError, match="both 'types' and 'coef'"):
            translate_loss({"types": [{"type": "A"}]})


def test_a_loss_for_another_output_comes_on_top_of_the_main_one():
    config = parse_config({"model": {"type": "PSPNet"}, "loss": {"aux": {"type": "CrossEntropyLoss", "coef": 0.4}}})
    assert config.loss == {"out": {"type": "CrossEntropyLoss"}, "aux": {"type": "CrossEntropyLoss", "coef": 0.4}}
    own = parse_config({"model": {"type": "PSPNet"}, "loss": {"out": {"type": "DiceLoss"}}})
    assert own.loss == {"out": {"type": "DiceLoss"}}


def test_a_key_of_before_is_read_as_what_is_today_and_refused_as_what_is_not(write):
    text = "model: {type: UNet}\ntest_config: {aug_average: VALUE, aug_eval: true}\n"
    kept = load_config(write("kept.yml", text.replace("VALUE", "logits")))
    assert kept.test_config.aug_eval and not hasattr(kept.test_config, "aug_average")
    with pytest.raises(ConfigError, match=r"gone.yml: 'test_config.aug_average' can no longer be chosen: it is logits"):
        load_config(write("gone.yml", text.replace("VALUE", "probabilities")))
