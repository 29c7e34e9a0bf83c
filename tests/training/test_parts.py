"""What a training builds, and what it does differently from the recipe with a line."""

import logging
import re

import cv2
import numpy as np
import pytest

from paddleseg_lite.config import Config
from paddleseg_lite.data.building import build_datasets, check_bands
from paddleseg_lite.data.transforms.base import Transform
from paddleseg_lite.doctor import diagnose
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.training import limits
from paddleseg_lite.training.building import fitting_schedule
from paddleseg_lite.training.limits import check_batch, check_workers
from paddleseg_lite.training.parts import build_parts
from paddleseg_lite.training.trainer import train

WARM = {"type": "PolynomialDecay", "learning_rate": 0.05, "warmup_iters": 100}
GINET = {"type": "GINet", "num_nodes": 4, "num_state": 4}


def built(config):
    told = []
    return build_parts(config, build_datasets(config)[0], note=told.append), told


@pytest.mark.parametrize("iters, warmup", [(10, 1), (9, 0), (1, 0), (100, 10), (101, 100)])
def test_a_warm_up_that_would_fill_the_run_is_shortened(iters, warmup):
    told = []
    assert fitting_schedule(WARM, iters, note=told.append).get("warmup_iters") == warmup
    assert bool(told) == (warmup != 100)
    assert not told or f"the warm-up of 100 iterations is shortened to {warmup}, for the run has {iters}" in told[0]
    assert fitting_schedule("Constant", iters, note=told.append) == "Constant"


def test_a_short_first_trial_runs(tiny, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_lite")
    config = tiny(iters=2, lr_scheduler=WARM, do_eval=False)
    assert diagnose(config, speed=False).ok
    assert train(config, save_dir=tmp_path).iteration == 2
    assert "the warm-up of 100 iterations is shortened to 0" in caplog.text
    assert "warmup_iters: 100" in (tmp_path / "iter_2" / "config.yml").read_text()  # for a longer resume


BROKEN = [
    ({"optimizer": {"type": "sgd", "custom_cfg": [{"name": "nope", "lr_mult": 2}]}}, "matches no parameter"),
    ({"lr_scheduler": {"type": "StepDecay", "learning_rate": 0.1, "step_size": 0}}, "step_size"),
    ({"iters": None}, "neither iters nor epochs"),
    ({"freeze": "bakbone"}, "no part 'bakbone'"),
    ({"test_config": {"scales": [0]}}, "scales"),
    ({"num_workers": 100000}, "num_workers is 100000"),
    ({"model__base_channels": 99999999}, "parameters, which take .* GiB in training, and this machine has"),
    ({"model__in_channels": 4}, "have 3 bands .img_channels., and the network takes 4"),
]


@pytest.mark.parametrize("changes, told", BROKEN, ids=[t for _, t in BROKEN])
def test_the_doctor_builds_all_that_the_run_builds(tiny, changes, told):
    if "test_config" in changes:
        config = tiny()
        config.test_config.scales = [0]
    else:
        config = tiny(**changes)
    diagnosis = diagnose(config, speed=False)
    assert not diagnosis.ok and re.search(told, diagnosis.text())
    with pytest.raises(ConfigError, match=told):
        built(config)


@pytest.mark.parametrize(
    "context, name",
    [
        (GINET, "context_presence"),
        ({"type": "Stack", "depth": 2, "unit": GINET}, "context_presence"),
        ({"type": "OCR"}, "context_regions"),
        ({**GINET, "presence": False}, None),
        ({"type": "GloRe", "num_nodes": 4}, None),
    ],
    ids=["ginet", "stack", "ocr", "without", "glore"],
)
def test_side_outputs_get_their_usual_loss(tiny, tmp_path, context, name):
    config = tiny(model__context=context, iters=1, save_interval=1, do_eval=False)
    parts, told = built(config)
    assert set(parts.criterion.entries) == {"out", *([name] if name else [])}
    assert bool(told) == bool(name) and (not told or f"the network also gives '{name}', which gets" in told[0])
    assert train(config, save_dir=tmp_path).iteration == 1
    if name:
        mine = {"out": {"type": "CrossEntropyLoss"}, name: {"type": "PresenceLoss", "coef": 0}}
        parts, told = built(tiny(model__context=context, loss=mine))
        assert parts.criterion.entries[name].loss is None and not told  # a recipe that says so is left alone


class Index(Transform):
    """A band of a user's own beside those of the picture."""

    def __call__(self, sample, rng=None):
        return {**sample, "image": np.dstack([sample["image"], sample["image"].mean(axis=2)])}


def test_bands_that_a_transform_adds_are_left_to_it(tiny):
    dataset = build_datasets(tiny())[0]
    check_bands(dataset, 3)
    with pytest.raises(ConfigError, match=r"set model\.in_channels to 3, or img_channels of the datasets to 4"):
        check_bands(dataset, 4)
    dataset.transforms = [Index()]
    check_bands(dataset, 4)


@pytest.mark.parametrize("key, value", [("img_channels", 1), ("ignore_index", 5)])
def test_what_both_datasets_say_must_agree(tmp_path, key, value):
    for name in ("a.png", "l.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8), np.uint8))
    (tmp_path / "list.txt").write_text("a.png l.png\n")
    spec = {"type": "Dataset", "dataset_root": str(tmp_path), "num_classes": 2}
    train, val = {**spec, "train_path": "list.txt"}, {**spec, "val_path": "list.txt", key: value}
    with pytest.raises(ConfigError, match=rf"{key} of train_dataset is \d+ but that of val_dataset {value}"):
        build_datasets(Config(model={"type": "UNet"}, train_dataset=train, val_dataset=val))


def test_numbers_that_no_machine_serves(tiny, monkeypatch):
    monkeypatch.setattr(limits, "available_cores", lambda: 8)
    for good in (0, 1, 64):
        check_workers(good)
    with pytest.raises(ConfigError, match=r"num_workers is 65, and this machine has 8 cores: take 0 to 64"):
        check_workers(65)
    dataset = build_datasets(tiny())[0]  # 12 pictures
    for good in (1, 12, 48, 64):
        check_batch(tiny(batch_size=good), dataset)
    with pytest.raises(ConfigError, match=r"batch_size is 65, and the data set has 12 pictures: .* 5 times"):
        check_batch(tiny(batch_size=65), dataset)
    sample = 32 * 32 * (3 * 4 + 8)
    assert limits.sample_bytes(dataset) == sample
    monkeypatch.setattr(limits, "free_bytes", lambda: 100 * sample)
    check_batch(tiny(batch_size=50), dataset)
    with pytest.raises(ConfigError, match=r"batch_size is 51: the pictures alone take .* GiB"):
        check_batch(tiny(batch_size=51), dataset)
    with pytest.raises(ConfigError, match="num_workers"):
        check_batch(tiny(batch_size=20, num_workers=2), dataset)
