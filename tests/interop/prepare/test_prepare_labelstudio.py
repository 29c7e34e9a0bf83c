"""Label Studio's exports: polygons, brushes, rectangles, ellipses; one version of each picture."""

import json

import numpy as np
import pytest
from annotated import labels_of, picture

from paddleseg_lite.data import read_label
from paddleseg_lite.interop.prepare.brush import decode_brush

# a picture of 6 x 4 whose rows 1 and 2 are set in columns 2 to 4, encoded by label-studio-converter 0.0.59:
PLAIN = [0, 0, 0, 96, 57, 27, 254, 31, 0, 183, 255, 108, 2, 223, 254, 27, 0, 0]  # all channels
MIXED = [
    0,
    0,
    0,
    96,
    57,
    27,
    254,
    31,
    0,
    1,
    254,
    16,
    0,
    63,
    192,
    127,
    132,
    0,
    15,
    240,
    31,
    225,
    0,
    3,
    254,
    216,
    0,
    15,
    240,
    128,
    1,
    254,
    3,
    252,
    32,
    0,
    127,
    128,
    255,
    8,
    0,
    31,
    248,
    108,
    0,
]  # red of 127, alpha of 255; fmt: skip
PERCENT = [[10, 10], [50, 10], [50, 50], [10, 50]]


def region(number=1, name="cat", kind="polygonlabels", size=(60, 40), **value):
    value = value or {"points": PERCENT}
    return {
        "id": f"r{number}",
        "type": kind,
        "original_width": size[0],
        "original_height": size[1],
        "value": {**value, **({kind: [name]} if name else {})},
    }


def export(folder, *results, image="/data/upload/1/0a1b2c3d-a.png", **task):
    picture(folder / "images" / "a.png")
    tasks = [{"id": 7, "data": {"image": image}, "annotations": [{"result": list(results)}], **task}]
    (folder / "ls.json").write_text(json.dumps(tasks), encoding="utf-8")
    return ["--json", folder / "ls.json", "--images", folder / "images"]


def test_brushes_are_those_of_label_studio():
    mask = np.zeros([4, 6], bool)
    mask[1:3, 2:5] = True
    for runs in (PLAIN, MIXED):
        np.testing.assert_array_equal(decode_brush(runs, 4, 6), mask)
    for broken in ([], [1, 2, 3], PLAIN[:9], [300] * 20, ["a"], None, 5, [0, 0, 0, 97, *PLAIN[4:]]):
        with pytest.raises(ValueError):
            decode_brush(broken, 4, 6)


SHAPES = {
    "polygon": ({"points": PERCENT}, 24 * 16),
    "rectangle": ({"x": 10, "y": 10, "width": 40, "height": 40, "rotation": 0}, 24 * 16),
    "turned rectangle": ({"x": 50, "y": 10, "width": 40, "height": 40, "rotation": 90}, 24 * 16),
    "ellipse": ({"x": 50, "y": 50, "radiusX": 20, "radiusY": 20}, 12 * 8 * np.pi),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(prepare, tmp_path, name):
    value, area = SHAPES[name]
    status, out, err = prepare("labelstudio", *export(tmp_path, region(**value)))
    assert status == 0 and "1 of 1 annotations used" in out, err
    assert read_label(tmp_path / "out" / "annotations" / "a.png").sum() == pytest.approx(area, rel=0.02)


def test_a_brush_of_a_task(prepare, tmp_path):
    picture(tmp_path / "images" / "a.png", 4, 6)
    flags = export(
        tmp_path, region(kind="brushlabels", size=(6, 4), format="rle", rle=PLAIN), image="s3://x/a.png?sig=1"
    )
    picture(tmp_path / "images" / "a.png", 4, 6)
    assert prepare("labelstudio", *flags)[0] == 0
    assert read_label(tmp_path / "out" / "annotations" / "a.png").sum() == 6


@pytest.mark.parametrize(
    "image",
    ["/data/local-files/?d=photos/a.png", "https://host/p/a.png?x=1", "a.png", "C:\\p\\a.png", "/data/upload/a.png"],
)
def test_the_picture_is_found(prepare, tmp_path, image):
    status, _, err = prepare("labelstudio", *export(tmp_path, region(), image=image))
    assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1]}, err


def test_one_version_of_a_picture_and_the_account(prepare, tmp_path):
    good, bad = region(), region(2, name=None)
    point = region(3, x=5, y=5, width=1)
    annotations = [
        {"result": [region(4)], "was_cancelled": True},
        {"result": [region(5), region(6)]},
        {"result": [good, bad, point, {"type": "choices", "value": {"choices": ["x"]}}], "ground_truth": True},
    ]
    status, out, err = prepare("labelstudio", *export(tmp_path, annotations=annotations))
    assert status == 0 and "1 of 6 annotations used" in out, err
    for line in (
        "2 x in another annotator's version",
        "1 x cancelled",
        "1 x a region without a label",
        "1 x a key point",
    ):
        assert line in out


def test_a_shape_and_its_label_in_two_results(prepare, tmp_path):
    shape = region(name=None, kind="polygon")
    label = {"id": "r1", "type": "labels", "value": {"points": PERCENT, "labels": ["dog"]}}
    assert prepare("labelstudio", *export(tmp_path, shape, label))[0] == 0
    assert (tmp_path / "out" / "labels.txt").read_text().split() == ["background", "dog"]


def test_of_several_labels_the_first_counts_and_that_is_told(prepare, tmp_path):
    several = region()
    several["value"]["polygonlabels"] = ["cat", "dog"]
    status, out, err = prepare("labelstudio", *export(tmp_path, several, region(2)))
    assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1]}, err
    assert "1 regions have several labels, and the first one counts" in out and "region r1" in out
    assert "2 of 2 annotations used" in out


def test_a_region_of_a_picture_that_was_turned_is_named(prepare, tmp_path):
    status, _, err = prepare("labelstudio", *export(tmp_path, {**region(), "image_rotation": 90}, region(2)))
    assert status == 2 and "region r1 was drawn on the picture turned by 90 degrees: turn the picture back" in err
    assert prepare("labelstudio", *export(tmp_path, {**region(), "image_rotation": 0}))[0] == 0


def test_json_min(prepare, tmp_path):
    export(tmp_path)
    value = {"points": PERCENT, "polygonlabels": ["cat"], "original_width": 60, "original_height": 40}
    tasks = [{"id": 1, "image": "/data/upload/1/0a1b2c3d-a.png", "tag": [value], "annotator": 1, "annotation_id": 2}]
    (tmp_path / "ls.json").write_text(json.dumps(tasks))
    status, out, err = prepare("labelstudio", "--json", tmp_path / "ls.json", "--images", tmp_path / "images")
    assert status == 0 and "1 of 1 annotations used" in out, err


DAMAGE = {
    "points": region(points="x"),
    "brush": region(kind="brushlabels", rle=[1, 2]),
    "box": region(x="a", y=1, width=2, height=3),
    "nan": region(x=float("nan"), y=1, width=2, height=3),
    "rotation": region(x=1, y=1, width=2, height=3, rotation=[1]),
    "size": region(size=(61, 40)),
    "result": "x",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(prepare, tmp_path, name):
    status, _, err = prepare("labelstudio", *export(tmp_path, DAMAGE[name]))
    assert status == 2 and "task 7" in err


@pytest.mark.parametrize("content", [{}, [], [5], {"shapes": [], "imagePath": ""}, [{"data": 5}], [{"data": {}}], None])
def test_what_is_no_export(prepare, tmp_path, content):
    flags = export(tmp_path)
    (tmp_path / "ls.json").write_text(json.dumps(content))
    status, _, err = prepare("labelstudio", *flags)
    assert status == 2 and "ls.json" in err
