"""A prepared folder can be trained on at once: lists, and a recipe that fits the pictures."""

import json
import re

import numpy as np
import pytest
from annotated import labelme_file, labelme_shape, picture

from paddleseg_lite import load_config
from paddleseg_lite.data import write_png
from paddleseg_lite.data.building import build_dataset
from paddleseg_lite.interop.prepare.recipe import Facts, choose, set_length


@pytest.fixture
def folder(tmp_path):
    """Ten pictures with labelme's files."""
    for i in range(10):
        picture(tmp_path / "in" / f"{i}.png", seed=i)
        labelme_file(tmp_path / "in" / f"{i}.json", labelme_shape("cat" if i % 5 else "dog"), image=f"{i}.png")
    return tmp_path / "in"


def test_the_next_command_trains(folder, tmp_path, prepare, tool):
    status, out, err = prepare("labelme", "--input", folder)
    assert status == 0 and "train.txt: 8 pairs" in out and "val.txt: 2 pairs" in out, err
    command = re.search(r"next: .*train(?:\.py)? (--config .*)", out)[1].split()
    config = load_config(command[1])
    assert (
        len(build_dataset(config.train_dataset, mode="train")) == 8
        and len(build_dataset(config.val_dataset, mode="val")) == 2
    )
    assert build_dataset(config.train_dataset, mode="train").class_names == ["background", "cat", "dog"]
    small = ["--iters", 2, "--batch_size", 2, "--save_dir", tmp_path / "run", "--no_vdl"]
    options = ["lr_scheduler.warmup_iters=0", "model.base_channels=4"]
    status, out, err = tool("train", *command, *small, "--opts", *options)
    assert status == 0, err + out


def test_lists_nobody_changed_may_be_dealt_anew(folder, tmp_path, prepare, tool):
    assert prepare("labelme", "--input", folder)[0] == 0
    out = tmp_path / "out"
    split = ["prepare", "split", "--root", out, "--no_preview"]
    assert tool(*split, "--ratio", 6, 2, 2)[0] == 0 and len((out / "test.txt").read_text().splitlines()) == 2
    assert tool(*split)[0] == 0 and not (out / "test.txt").exists()  # its pictures are in the other lists now
    for name in ("train.txt", "recipe.yml"):
        before = (out / name).read_text()
        (out / name).write_text(before + "# mine\n")
        status, _, err = tool(*split)
        assert status == 2 and "already holds" in err and (out / name).read_text() == before + "# mine\n"
        (out / name).write_text(before)
    assert tool(*split)[0] == 0


def test_a_dry_run_writes_nothing(folder, tmp_path, prepare):
    status, out, _ = prepare("labelme", "--input", folder, "--dry_run")
    assert status == 0 and "train.txt: 8 pairs" in out and not (tmp_path / "out").exists() and "next:" not in out


def test_what_cannot_be_used_is_in_no_list(folder, tmp_path, prepare):
    (folder / "3.json").write_text("{")
    (folder / "4.json").write_text(json.dumps({"shapes": [labelme_shape(kind="blob")], "imagePath": "4.png"}))
    assert prepare("labelme", "--input", folder)[0] == 2 and not (tmp_path / "out").exists()
    assert prepare("labelme", "--input", folder, "--skip_bad")[0] == 0
    listed = "".join((tmp_path / "out" / f"{part}.txt").read_text() for part in ("train", "val"))
    assert len(listed.splitlines()) == 8 and "images/3.png" not in listed and "images/4.png" not in listed


def test_one_picture_trains_without_validation(tmp_path, prepare):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape())
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0 and "no picture is left for validation" in out, err
    config = load_config(tmp_path / "out" / "recipe.yml")
    assert config.val_dataset is None and not config.do_eval


def test_masks_of_0_and_255(tmp_path, tool):
    for i in range(5):
        picture(tmp_path / "images" / f"{i}.png", seed=i)
        mask = np.zeros([40, 60], np.uint8)
        mask[:9] = 255
        write_png(tmp_path / "annotations" / f"{i}.png", mask)
    status, out, err = tool("prepare", "split", "--root", tmp_path)
    assert status == 0 and "255 is taken as the object" in out, err
    dataset = build_dataset(load_config(tmp_path / "recipe.yml").train_dataset, mode="train")
    assert dataset.num_classes == 2 and np.unique(dataset.load(0)["label"]).tolist() == [0, 1]


def test_names_that_no_list_can_hold(tmp_path, tool):
    for name in ("a\tb.png", "a\nb.png", "good.png"):
        picture(tmp_path / "images" / name)
        write_png(tmp_path / "annotations" / name, np.ones([40, 60], np.uint8))
    assert "a list cannot hold this name" in tool("prepare", "split", "--root", tmp_path)[2]
    assert tool("prepare", "split", "--root", tmp_path, "--skip_bad")[0] == 0
    assert (tmp_path / "train.txt").read_text() == "images/good.png\tannotations/good.png\n"


def facts(height=300, width=400, names=("background", "cat"), shares=(0.5, 0.5), train=50, gpu=False):
    return Facts(train, 10, list(names), np.array(shares), height, width, gpu)


def test_what_is_chosen():
    large, small = choose(facts(3000, 4000)), choose(facts(128, 128))
    assert large.recipe["model"]["type"] == "DeepLabV3P" and small.recipe["model"]["type"] == "UNet"
    assert {"type": "LimitLong", "max_long": 480} in large.train_transforms
    assert {"type": "LimitLong", "max_long": 480} in large.val_transforms
    assert all(t["type"] != "LimitLong" for t in small.train_transforms)
    assert choose(facts(gpu=True)).recipe["model"]["backbone"]["type"] == "ResNet50"
    assert choose(facts(train=3)).recipe["batch_size"] == 3
    assert "class_weights" not in large.recipe
    assert choose(facts(shares=(0.99, 0.01))).recipe["class_weights"] == "enet"


@pytest.mark.parametrize("name, flips", [("left hand", False), ("arm_right", False), ("左脚", False), ("bright", True)])
def test_pictures_are_mirrored_where_sides_do_not_matter(name, flips):
    chosen = choose(facts(names=("background", name)))
    assert any(t["type"] == "RandomHorizontalFlip" for t in chosen.train_transforms) == flips


@pytest.mark.parametrize("iters", [1, 9, 15, 5000])
def test_warm_up_and_validations_fit(iters):
    recipe = choose(facts()).recipe
    set_length(recipe, iters)
    assert recipe["lr_scheduler"].get("warmup_iters", 0) < iters and 1 <= recipe["save_interval"] <= iters
