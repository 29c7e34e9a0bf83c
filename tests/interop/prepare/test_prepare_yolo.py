"""YOLO's text files, in the layouts people have them in."""

import numpy as np
import pytest
from annotated import labels_of, picture
from pycocotools import mask as reference

from paddleseg_lite.data import read_label

SQUARE = "0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5"


def dataset(folder, lines=(SQUARE,), yaml="names: [cat, dog]", name="images/train/a.png", label="labels/train/a.txt"):
    picture(folder / name)
    if yaml is not None:
        (folder / "data.yaml").write_text(yaml, encoding="utf-8")
    if label is not None:
        (folder / label).parent.mkdir(parents=True, exist_ok=True)
        (folder / label).write_text("\n".join(lines), encoding="utf-8")
    return ["--input", folder]


@pytest.mark.parametrize(
    "name, label, target",
    [
        ("images/train/a.png", "labels/train/a.txt", "train/a.png"),
        ("train/images/a.png", "train/labels/a.txt", "train/a.png"),
        ("images/a.png", "labels/a.txt", "a.png"),
        ("a.png", "a.txt", "a.png"),
    ],
)
def test_layouts(prepare, tmp_path, name, label, target):
    status, out, err = prepare("yolo", *dataset(tmp_path / "in", name=name, label=label))
    assert status == 0 and "1 of 1 annotations used" in out, err
    flat = [v * s for v, s in zip(map(float, SQUARE.split()[1:]), [60, 40] * 4)]
    expected = reference.decode(reference.frPyObjects([flat], 40, 60))[..., 0]
    np.testing.assert_array_equal(read_label(tmp_path / "out" / "annotations" / target), expected)
    assert (tmp_path / "out" / "labels.txt").read_text().split() == ["background", "cat", "dog"]


def test_the_folder_of_pictures_alone(prepare, tmp_path):
    dataset(tmp_path / "in", yaml=None)
    (tmp_path / "in" / "images" / "data.yaml").write_text("names: {0: cat}")
    assert prepare("yolo", "--input", tmp_path / "in" / "images")[0] == 0
    assert labels_of(tmp_path / "out") == {"train/a.png": [0, 1]}


def test_what_is_left_out_is_told(prepare, tmp_path):
    flags = dataset(
        tmp_path / "in", [SQUARE, "1 0.5 0.5 0.1 0.1", "7 0.1 0.1 0.5 0.1 0.5 0.5", "", "0 1.5 1.5 1.6 1.5 1.6 1.6"]
    )
    (tmp_path / "in" / "labels" / "train" / "gone.txt").write_text(SQUARE)
    picture(tmp_path / "in" / "images" / "train" / "empty.png", seed=1)
    (tmp_path / "in" / "README.txt").write_text("hello there\n")
    status, out, err = prepare("yolo", *flags)
    assert status == 0, err
    for reason in (
        "a box without polygon",
        "its class has no name",
        "without a pixel",
        "their picture cannot be found",
    ):
        assert f"1 x {reason}" in out
    assert "1 of 5 annotations used" in out and "1 pictures have no text file: all background" in out
    assert labels_of(tmp_path / "out") == {"train/a.png": [0, 1], "train/empty.png": [0]}


@pytest.mark.parametrize(
    "line, message",
    [
        ("cat 0.1 0.1 0.5 0.1 0.5 0.5", "found 'cat'"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.9", "come in pairs"),
        ("0 0.1 0.1 0.5 0.1 0.5 x", "found 'x'"),
        ("0", "needs 3 points"),
        ("-1 0.1 0.1 0.5 0.1 0.5 0.5", "found '-1'"),
        ("0.5 0.1 0.1 0.5 0.1 0.5 0.5", "found '0.5'"),
        ("0 6 4 30 4 30 20", "is no fraction of the picture's size"),
        ("0 nan 0.1 0.5 0.1 0.5 0.5", "needs 3 points"),
        ("0 1e999 0.1 0.5 0.1 0.5 0.5", "needs 3 points"),
    ],
)
def test_damaged_lines(prepare, tmp_path, line, message):
    flags = dataset(tmp_path / "in", [SQUARE, line])
    dataset(tmp_path / "in", name="images/b.png", label="labels/b.txt")
    status, _, err = prepare("yolo", *flags)
    assert status == 2 and message in err and "a.txt, line 2" in err
    status, _, err = prepare("yolo", *flags, "--skip_bad", "--overwrite")
    assert status == 0 and labels_of(tmp_path / "out") == {"b.png": [0, 1]}, err


@pytest.mark.parametrize(
    "yaml, message",
    [
        ("names: 5", "names is a list"),
        ("names: {a: cat}", "names is a list"),
        ("names: [null]", "names is a list"),
        ("names: [a", "is not valid YAML"),
        ("names: &a [*a]", "data.yaml"),
    ],
)
def test_descriptions_that_are_wrong(prepare, tmp_path, yaml, message):
    status, _, err = prepare("yolo", *dataset(tmp_path / "in", yaml=yaml))
    assert status == 2 and message in err


def test_names(prepare, tmp_path):
    flags = dataset(
        tmp_path / "in", yaml="names: {0: cat, 1: cat}\nnc: 3\npath: ../somewhere\ntrain: 'a\\0b'\nval: [1]"
    )
    status, out, err = prepare("yolo", *flags)
    assert status == 0 and "several classes cat: they are one class" in out and "nc: 3, but 2 names" in out, err
    (tmp_path / "in" / "data.yaml").unlink()
    status, out, _ = prepare("yolo", *flags, "--overwrite")
    assert status == 0 and "named by their numbers" in out
    (tmp_path / "in" / "classes.txt").write_text("cat\ndog\n")
    status, out, _ = prepare("yolo", *flags, "--overwrite", "--classes", "dog")
    assert status == 2  # the dog has no pixel
    assert "there is no class 'cow'" in prepare("yolo", *flags, "--classes", "cow")[2]


def test_parts_of_the_dataset(tmp_path):
    from paddleseg_lite.interop.prepare.yolo import yolo_job

    for name in ("a", "b", "c"):
        dataset(
            tmp_path,
            name=f"images/{name}.png",
            label=f"labels/{name}.txt",
            yaml="names: [cat]\ntrain: t.txt\nval: v.txt",
        )
    (tmp_path / "t.txt").write_text("./images/a.png\nimages/b.png\n")
    (tmp_path / "v.txt").write_text("images/c.png\n")
    assert [item.part for item in yolo_job(tmp_path).items] == ["train", "train", "val"]


def test_two_pictures_with_one_text_file(prepare, tmp_path):
    flags = dataset(tmp_path / "in")
    dataset(tmp_path / "in", name="images/b.png", label="labels/b.txt")
    picture(tmp_path / "in" / "images" / "train" / "a.bmp", seed=3)
    status, _, err = prepare("yolo", *flags)
    assert status == 2 and "a.bmp and a.png both have this text file" in err
    status, out, _ = prepare("yolo", *flags, "--skip_bad")
    assert status == 0 and "1 x their picture is claimed" in out and labels_of(tmp_path / "out") == {"b.png": [0, 1]}


def test_a_text_file_that_leads_nowhere(prepare, tmp_path):
    flags = dataset(tmp_path / "in")
    label = tmp_path / "in" / "labels" / "train" / "a.txt"
    label.unlink()
    label.symlink_to("gone.txt")
    status, _, err = prepare("yolo", *flags)
    assert status == 2 and "a.txt cannot be read" in err  # never a background nobody meant
