"""Folders of data are recognised by their files."""

import json
import shutil

import cv2
import numpy as np
import pytest
from annotated import picture
from folders import LAYOUTS, SIZE, label, labelme, pairs

from paddleseg_lite.data import read_label, write_png
from paddleseg_lite.errors import DataError
from paddleseg_lite.interop.prepare.job import run_job
from paddleseg_lite.interop.prepare.layouts import recognise
from paddleseg_lite.interop.prepare.own_recipe import plan_for

NAMES = {
    "pictures_and_labels": "pictures and label pictures",
    "labelme": "labelme",
    "coco": "COCO",
    "voc": "PASCAL VOC",
    "camvid": "CamVid",
    "cityscapes": "Cityscapes",
    "yolo": "YOLO",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_is_recognised(tmp_path, name):
    (tmp_path / "test_data").mkdir()  # neither this name nor pytest's own may be taken for a part
    LAYOUTS[name](tmp_path / "test_data")
    before = sorted(tmp_path.rglob("*"))
    layout = recognise(tmp_path / "test_data")
    assert layout.name == NAMES[name] and layout.why
    assert (layout.job is None) == (name in ("voc", "cityscapes")) and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "images, labels",
    [("images", "masks"), ("img", "gt"), ("JPEGImages", "Annotations"), ("x", "y"), ("input", "target"), (".", "masks"),
     ("data/images", "data/labels"), ("train", "train_labels"), ("photos", "标注"), ("train_images", "train_masks")],
)  # fmt: skip
def test_names_of_folders(tmp_path, images, labels):
    pairs(tmp_path, images, labels)
    assert len(recognise(tmp_path).job.items) == 6


@pytest.mark.parametrize("ending", ["_mask", "-label", "_L", "_labelIds", "_gt"])
def test_names_that_differ_by_an_ending(tmp_path, ending):
    pairs(tmp_path / "two", ending=ending)
    pairs(tmp_path / "one", "all", "all", ending=ending)
    for folder in ("one", "two"):
        job = recognise(tmp_path / folder).job
        assert len(job.items) == 6 and all(item.sources[0].stem == item.image.stem + ending for item in job.items)


def test_a_photo_and_a_png_of_one_name(tmp_path):
    for i in range(3):
        picture(tmp_path / f"p{i}.jpg", *SIZE)
        label(tmp_path / f"p{i}.png")
    assert [item.image.suffix for item in recognise(tmp_path).job.items] == [".jpg"] * 3


def test_parts_and_names(tmp_path):
    for part in ("train", "valid"):
        pairs(tmp_path, f"images/{part}", f"masks/{part}", count=2)
    (tmp_path / "class_names.txt").write_text("__ignore__\nsky\nsea\n")
    picture(tmp_path / "images" / "train" / "alone.png")
    job = recognise(tmp_path).job
    assert [item.part for item in job.items] == ["train", "train", "val", "val"] and job.class_names == ["sky", "sea"]
    assert "1 pictures without a label were left out" in job.notes


def test_lists_keep_their_parts(tmp_path):
    pairs(tmp_path)
    lines = [f"images/p{i}.png annotations/p{i}.png\n" for i in range(6)]
    (tmp_path / "train.txt").write_text("".join(lines[:2]))
    (tmp_path / "val.txt").write_text("".join(lines[2:]))
    layout = recognise(tmp_path)
    assert layout.name == "lists of pictures and labels"
    assert [item.part for item in layout.job.items] == ["train"] * 2 + ["val"] * 4


def ids_of(folder, out):
    """The ids that a folder's labels became, and the classes."""
    job = recognise(folder).job
    outcome = run_job(job, out)
    assert not outcome.problems
    return np.flatnonzero(outcome.pixels).tolist(), job


@pytest.mark.parametrize(
    "values, expected",
    [((0, 1), [0, 1]), ((0, 255), [0, 1]), ((0, 128), [0, 1]), ((2, 5), [2, 5]), ((3, 255), [3, 255])],
)
def test_what_labels_hold(tmp_path, values, expected):
    pairs(tmp_path / "in", values=values)
    assert ids_of(tmp_path / "in", tmp_path / "out")[0] == expected


def test_labels_of_three_equal_channels(tmp_path):
    pairs(tmp_path / "in")
    for path in (tmp_path / "in" / "annotations").iterdir():
        write_png(path, np.repeat(read_label(path)[..., None] * 255, 3, axis=2))
    ids, job = ids_of(tmp_path / "in", tmp_path / "out")
    assert ids == [0, 1] and job.class_names == ["background", "object"]


@pytest.mark.parametrize("table", ["name,r,g,b\nsky,255,0,0\nsea,0,0,255\n", None, "255 0 0 sky\n0 0 255 sea\n"])
def test_labels_in_colours(tmp_path, table):
    pairs(tmp_path / "in")
    for path in (tmp_path / "in" / "annotations").iterdir():
        write_png(path, np.array([[255, 0, 0], [0, 0, 255]], np.uint8)[read_label(path)])
    if table:
        (tmp_path / "in" / ("class_dict.csv" if "," in table else "label_colors.txt")).write_text(table)
    ids, job = ids_of(tmp_path / "in", tmp_path / "out")
    assert ids == [0, 1] and job.class_names == (["sky", "sea"] if table else ["rgb_0_0_255", "rgb_255_0_0"])
    assert (tmp_path / "out" / "annotations" / "images" / "p0.png").is_file()


def test_labels_that_are_photos_are_refused(tmp_path):
    pairs(tmp_path)
    rng = np.random.default_rng(0)
    for path in (tmp_path / "annotations").iterdir():
        write_png(path, rng.integers(0, 256, [*SIZE, 3], dtype=np.uint8))
    with pytest.raises(DataError, match=r"colours, and no class_dict\.csv"):
        recognise(tmp_path)
    for path in (tmp_path / "annotations").iterdir():
        grey = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 40, axis=0)
        write_png(path, np.repeat(grey, 3, axis=2))
    with pytest.raises(DataError, match="grey levels: smoothed"):
        recognise(tmp_path)


@pytest.mark.parametrize("content", [{"info": {"description": "ISAT"}, "objects": []}, None, {}])
def test_what_is_not_recognised_is_described(tmp_path, content):
    picture(tmp_path / "a.png")
    if content is not None:
        (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"has 1 pictures and . JSON files, but in no layout") as e:
        recognise(tmp_path)
    assert ("ISAT" in str(e.value)) == bool(content)
    with pytest.raises(DataError, match="does not exist"):
        recognise(tmp_path / "none")


def test_copies_never_part(tmp_path):
    """A picture saved anew under another name is in the same list."""
    source = tmp_path / "in"
    labelme(source)
    for i in range(6):
        noise = np.random.default_rng(i).integers(0, 256, [4, 6, 3], dtype=np.uint8)
        cv2.imwrite(str(source / f"p{i}.png"), cv2.resize(noise, (60, 40), interpolation=cv2.INTER_CUBIC))
        copy = cv2.imread(str(source / f"p{i}.png"))
        cv2.imwrite(str(source / f"q{9 - i}.png"), np.clip(copy * 1.1, 0, 255).astype(np.uint8))
        document = json.loads((source / f"p{i}.json").read_text())
        (source / f"q{9 - i}.json").write_text(json.dumps({**document, "imagePath": f"q{9 - i}.png"}))
    for seed in range(5):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        made = plan_for(source, tmp_path / "out", seed=seed)
        part = {}
        for name, text in made.lists.items():
            for line in text.splitlines():
                part[line.split("\t")[0].rpartition("/")[2][:-4]] = name
        assert len(part) == 12 and all(part[f"p{i}"] == part[f"q{9 - i}"] for i in range(6))
