"""labelme's files: no shape is lost, no picture takes another's label, nothing ends in a traceback."""

import base64
import json
import os

import cv2
import numpy as np
import pytest
from annotated import labelme_file, labelme_shape, labels_of, picture

from paddleseg_lite.data import read_label


def test_the_account_comes_last(prepare, tmp_path):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape(), labelme_shape(points=[[70, 5], [90, 5], [90, 20]]))
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0, err
    assert "1 of 2 annotations used; 1 not used:" in out and "1 x outside its picture" in out
    label = read_label(tmp_path / "out" / "annotations" / "a.png")
    assert label.sum() == 256  # the outline belongs to it, as in labelme's own export


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
def test_other_encodings(prepare, tmp_path, encoding):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape("裂缝"), encoding=encoding)
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0 and ("read as GB18030" in out) == (encoding == "gb18030"), err
    assert (tmp_path / "out" / "labels.txt").read_text(encoding="utf-8").split() == ["background", "裂缝"]


@pytest.mark.parametrize("data", [b"{", '{"label": "café"}'.encode("cp1252"), b'{"shapes": null}', b"[]", b""])
def test_a_broken_file_can_be_left_out(prepare, tmp_path, data):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape())
    (tmp_path / "in" / "b.json").write_bytes(data)
    status, _, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "1 of 2 files could not be used" in err and "b.json" in err and "--skip_bad" in err
    assert not (tmp_path / "out").exists()
    status, out, err = prepare("labelme", "--input", tmp_path / "in", "--skip_bad")
    assert status == 0 and "1 of 2 files could not be used" in out and labels_of(tmp_path / "out") == {"a.png": [0, 1]}


DAMAGE = {
    "no list": {"shapes": {"a": 1}},
    "text": {"shapes": ["x"]},
    "points": {"shapes": [labelme_shape(points=5)]},
    "deep points": {"shapes": [labelme_shape(points=[[[1]], [[2, 3]]])]},
    "infinite": {"shapes": [labelme_shape(points=[[0, 0], [1, 1], [float("inf"), 2]])]},
    "far": {"shapes": [labelme_shape(points=[[0, 0], [1, 1], [1e12, 2]])]},
    "type": {"shapes": [labelme_shape(kind=["polygon"])]},
    "label": {"shapes": [labelme_shape(label=None)]},
    "label list": {"shapes": [labelme_shape(label=["cat"])]},
    "mask": {"shapes": [labelme_shape(kind="mask", mask=5)]},
    "size": {"imageHeight": 4000},
    "swapped": {"imageHeight": 60, "imageWidth": 40},
    "size text": {"imageWidth": "wide"},
    "image": {"imagePath": "../../../../etc/passwd", "shapes": [labelme_shape()]},
    "image is a folder": {"imagePath": ".."},
    "image is a list": {"imagePath": ["a.png"]},
    "image name": {"imagePath": "a\0.png"},
    "long name": {"imagePath": "x" * 5000},
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(prepare, tmp_path, name):
    change = dict(DAMAGE[name])
    labelme_file(tmp_path / "in" / "good.json", labelme_shape())
    labelme_file(tmp_path / "in" / "bad.json", *change.pop("shapes", [labelme_shape()]), image=None)
    path = tmp_path / "in" / "bad.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "imagePath": "a.png", **DAMAGE[name]}))
    status, _, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "bad.json" in err and "Traceback" not in err
    status, _, err = prepare("labelme", "--input", tmp_path / "in", "--skip_bad", "--overwrite")
    assert status == 0 and labels_of(tmp_path / "out") == {"good.png": [0, 1]}, err


def test_a_mask_that_claims_to_be_huge(prepare, tmp_path):
    header = bytearray(cv2.imencode(".png", np.zeros([2, 2], np.uint8))[1].tobytes())
    header[16:24] = (30000).to_bytes(4, "big") * 2
    mask = base64.b64encode(bytes(header)).decode()
    labelme_file(tmp_path / "in" / "a.json", labelme_shape(kind="mask", points=[[0, 0], [1, 1]], mask=mask))
    assert prepare("labelme", "--input", tmp_path / "in")[0] == 2


def test_names_with_dots_and_cases_stay_apart(prepare, tmp_path):
    for name in ("a.1", "a.2", "A.1"):
        labelme_file(tmp_path / "in" / f"{name}.json", labelme_shape(), image=f"{name}.png")
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0 and "1 pictures got another name" in out, err
    assert set(labels_of(tmp_path / "out")) == {"A.1.png", "a.2.png", "a.1_png.png"}
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3


def test_similar_names_are_told(prepare, tmp_path):
    labelme_file(tmp_path / "in" / "a.json", *(labelme_shape(n) for n in ("cat", "cat ", "Cat", "dog", "the\ncow")))
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0, err
    assert "differ by spaces only are one class, 'cat': 'cat' (1), 'cat ' (1)" in out
    assert "differ by case or spaces only are several classes: 'Cat' (1), 'cat' (2)" in out
    assert (tmp_path / "out" / "labels.txt").read_text().splitlines() == ["background", "Cat", "cat", "dog", "the cow"]


def test_a_picture_with_two_files_is_told(prepare, tmp_path):
    for name in ("a", "b"):
        labelme_file(tmp_path / "in" / f"{name}.json", labelme_shape(), image="a.png")
    status, out, _ = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0 and "1 pictures have several JSON files" in out
    assert labels_of(tmp_path / "out") == {"a.png": [0, 1], "b.png": [0, 1]}


def test_nothing_used_is_an_error_and_writes_nothing(prepare, tmp_path):
    labelme_file(tmp_path / "in" / "a.json")
    status, _, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "there are no annotations" in err and not (tmp_path / "out").exists()


def test_inputs_are_never_written_over(tool, tmp_path):
    labelme_file(tmp_path / "in" / "annotations" / "a.json", labelme_shape(), image="a.png")
    label = tmp_path / "in" / "annotations" / "annotations" / "a.png"
    picture(label, seed=5)
    labelme_file(label.with_suffix(".json"), labelme_shape(), image="a.png")
    before = label.read_bytes()
    arguments = ["labelme", "--input", tmp_path / "in" / "annotations", "--output", tmp_path / "in" / "annotations"]
    status, _, err = tool("prepare", *arguments, "--overwrite")
    assert status == 2 and "is read from" in err and label.read_bytes() == before


def test_the_image_is_found_by_its_bare_name(prepare, tmp_path):
    picture(tmp_path / "in" / "a.png")
    labelme_file(tmp_path / "in" / "a.json", labelme_shape(), image=None)
    path = tmp_path / "in" / "a.json"
    for stated in ("C:\\photos\\a.png", "/home/x/a.png", "..\\other\\a.png", "A.PNG"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "imagePath": stated}))
        status, _, err = prepare("labelme", "--input", tmp_path / "in", "--overwrite")
        assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1]}, err


def test_a_picture_inside_its_file(prepare, tmp_path):
    source = picture(tmp_path / "in" / "a.png", seed=7)
    data = base64.b64encode(source.read_bytes()).decode()
    labelme_file(tmp_path / "in" / "a.json", labelme_shape(), imageData=data)
    before = source.read_bytes()
    source.unlink()
    status, out, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 0 and "1 pictures were not there and come from the imageData" in out, err
    assert (tmp_path / "out" / "images" / "a.png").read_bytes() == before
    for broken in ("!!", base64.b64encode(b"no picture").decode(), 5):
        labelme_file(tmp_path / "in" / "a.json", labelme_shape(), imageData=broken)
        source.unlink()
        assert "is not beside it" in prepare("labelme", "--input", tmp_path / "in", "--overwrite")[2]


def test_a_copied_file_that_still_names_the_first_picture(prepare, tmp_path):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape())
    labelme_file(tmp_path / "in" / "b.json", labelme_shape())
    picture(tmp_path / "in" / "b.png", seed=1)
    status, _, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "b.json: its imagePath is a.png, which has a JSON file too, but b.png is beside it" in err
    assert prepare("labelme", "--input", tmp_path / "in", "--skip_bad")[0] == 0
    assert labels_of(tmp_path / "out") == {"a.png": [0, 1]}


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_file_that_cannot_be_opened_is_not_passed_over(prepare, tmp_path, kind):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape())
    path = tmp_path / "in" / "b.json"
    if kind == "link":
        path.symlink_to("nowhere.json")
    elif hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        pytest.skip("no pipes here")
    status, _, err = prepare("labelme", "--input", tmp_path / "in")
    assert status == 2 and "b.json cannot be read" in err


@pytest.mark.parametrize("names", ["nothing.txt", "some/where", "."])
def test_class_files_that_are_not_there(prepare, tmp_path, names):
    labelme_file(tmp_path / "in" / "a.json", labelme_shape())
    status, _, err = prepare("labelme", "--input", tmp_path / "in", "--classes", names)
    assert status == 2 and ("no such file" in err or "is no class" in err)
