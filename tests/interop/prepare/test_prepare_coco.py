"""COCO's files: every annotation is painted or accounted for; two pictures never share a label."""

import numpy as np
import pytest
from annotated import coco_annotation, coco_file, labels_of, picture

from paddleseg_lite.data import read_label

BOX = {"segmentation": [], "bbox": [5, 5, 15, 15]}
LEFT_OUT = {
    "box": (coco_annotation(2, **BOX), "a box without polygons or mask"),
    "null": (coco_annotation(2, segmentation=None), "a box without polygons or mask"),
    "category": (coco_annotation(2, category_id=7), "its category is not in 'categories'"),
    "category type": (coco_annotation(2, category_id=[1]), "its category is not in 'categories'"),
    "image": (coco_annotation(2, image_id=9), "its image_id is not in 'images'"),
    "image type": (coco_annotation(2, image_id={"a": 1}), "its image_id is not in 'images'"),
    "outside": (coco_annotation(2, segmentation=[[90, 5, 99, 5, 99, 20]]), "without a pixel in its picture"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_told(prepare, tmp_path, name):
    annotation, reason = LEFT_OUT[name]
    status, out, err = prepare("coco", *coco_file(tmp_path, [coco_annotation(), annotation]))
    assert status == 0 and "1 of 2 annotations used; 1 not used:" in out and f"1 x {reason}" in out, err
    assert "annotation 2" in out and labels_of(tmp_path / "out") == {"a.png": [0, 1]}
    status, _, err = prepare("coco", *coco_file(tmp_path, [annotation]), "--overwrite")
    assert status == 2 and f"1 x {reason}" in err and "0 of 1 annotations used" in err


@pytest.mark.parametrize(
    "changes", [{"image_id": "1"}, {"image_id": 1.0}, {"category_id": "1"}, {"id": None}, {"area": "x"}, {"area": [1]},
                {"segmentation": [5, 5, 20, 5, 20, 20, 5, 20]}, {"iscrowd": "no"}]
)  # fmt: skip
def test_odd_types_with_one_meaning_are_read(prepare, tmp_path, changes):
    status, out, err = prepare("coco", *coco_file(tmp_path, [coco_annotation(**changes)]))
    assert status == 0 and "1 of 1 annotations used" in out, err
    assert read_label(tmp_path / "out" / "annotations" / "a.png").sum() == 225


DAMAGED = {
    "short polygon": [coco_annotation(segmentation=[[1, 2, 3, 4]])],
    "text polygon": [coco_annotation(segmentation=[["a", "b", 1, 2, 3, 4]])],
    "text": [coco_annotation(segmentation="polygon")],
    "number": [coco_annotation(segmentation=5)],
    "runs": [coco_annotation(segmentation={"size": [40, 60], "counts": [1, 2]})],
    "negative runs": [coco_annotation(segmentation={"size": [40, 60], "counts": [-1, 2401]})],
    "overflowing runs": [coco_annotation(segmentation={"size": [40, 60], "counts": [2**62] * 4 + [2400]})],
    "text runs": [coco_annotation(segmentation={"size": [40, 60], "counts": "é"})],
    "no runs": [coco_annotation(segmentation={"size": [40, 60]})],
    "other size": [coco_annotation(segmentation={"size": [4, 4], "counts": [8, 8]})],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_named(prepare, tmp_path, name):
    good = {"id": 2, "file_name": "b.png", "height": 40, "width": 60}
    picture(tmp_path / "images" / "b.png")
    images = [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}, good]
    flags = coco_file(tmp_path, [*DAMAGED[name], coco_annotation(2, image_id=2)], images)
    status, _, err = prepare("coco", *flags)
    assert status == 2 and "annotation 1: " in err and "ann.json" in err
    status, out, _ = prepare("coco", *flags, "--skip_bad", "--overwrite")
    assert status == 0 and "1 x in a file that could not be used" in out and "1 of 2 annotations used" in out


DOCUMENTS = {
    "annotations": ({"annotations": None}, "there is no list 'annotations'"),
    "entries": ({"annotations": [5]}, "entry 0 of 'annotations' is '5', not an object"),
    "images": ({"images": [[]]}, "entry 0 of 'images'"),
    "image ids": ({"images": [{"id": 1, "file_name": "a.png"}, {"id": "1", "file_name": "b.png"}]}, "an id of its own"),
    "no image id": ({"images": [{"file_name": "a.png"}]}, "an id of its own"),
    "category ids": ({"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]}, "both 'cat' and 'dog'"),
    "category name": ({"categories": [{"id": 1, "name": None}]}, "needs an id and a name"),
    "labelme": ({"shapes": [], "imagePath": "", "images": "x"}, "looks like labelme's JSON"),
    "size": ({"images": [{"id": 1, "file_name": "a.png", "height": 10**6, "width": 10**6}]}, "was drawn at 1000000 x"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_that_are_wrong(prepare, tmp_path, name):
    changes, message = DOCUMENTS[name]
    flags = coco_file(tmp_path, **{"annotations": [coco_annotation()], **changes})
    status, _, err = prepare("coco", *flags)
    assert status == 2 and message in err


def test_categories_of_one_name_are_one_class(prepare, tmp_path):
    categories = [{"id": 3, "name": "Background"}, {"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}]
    annotations = [coco_annotation(), coco_annotation(2, category_id=2, segmentation=[[30, 5, 40, 5, 40, 9]])]
    status, out, err = prepare("coco", *coco_file(tmp_path, annotations, categories=categories))
    assert status == 0 and "2 of 2 annotations used" in out, err
    assert "categories 1 and 2 have the same name, 'cat': they are one class" in out
    assert (tmp_path / "out" / "labels.txt").read_text().split() == ["background", "cat"]
    label = read_label(tmp_path / "out" / "annotations" / "a.png")
    assert label[10, 10] == label[6, 38] == 1


def entry(number, name, **more):
    return {"id": number, "file_name": name, "height": 40, "width": 60, **more}


def test_pictures_that_differ_by_ending_only(prepare, tmp_path):
    picture(tmp_path / "images" / "a.bmp", seed=1)
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, "a.png"), entry(2, "a.bmp")])
    status, out, err = prepare("coco", *flags)
    assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1], "a_bmp.png": [0]}, err
    assert {p.name for p in (tmp_path / "out" / "images").iterdir()} == {"a.png", "a_bmp.bmp"}
    assert "a.bmp -> a_bmp" in out


def test_a_picture_listed_twice_has_all_its_annotations(prepare, tmp_path):
    second = coco_annotation(2, image_id=2, segmentation=[[30, 5, 40, 5, 40, 9]])
    flags = coco_file(tmp_path, [coco_annotation(), second], [entry(1, "a.png"), entry(2, "./a.png")])
    status, out, err = prepare("coco", *flags)
    assert status == 0 and "2 of 2 annotations used" in out and "their annotations are merged" in out, err
    label = read_label(tmp_path / "out" / "annotations" / "a.png")
    assert label[10, 10] == label[6, 38] == 1
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, "a.png"), entry(2, "a.png", height=41)])
    assert "was drawn at 60 x 41" in prepare("coco", *flags, "--overwrite")[2]


@pytest.mark.parametrize(
    "stated",
    ["C:\\photos\\a.png", "/abs/a.png", "../../a.png", "https://host/x/a.png?y", "x/y/a.png", "A.PNG", ".\\a.png"],
)
def test_a_name_falls_back_to_the_bare_one(prepare, tmp_path, stated):
    flags = coco_file(tmp_path / "in", [coco_annotation()], [entry(1, stated)])
    status, _, err = prepare("coco", *flags)
    assert status == 0 and labels_of(tmp_path / "out") == {"a.png": [0, 1]}, err
    assert {p.name for p in tmp_path.iterdir()} == {"in", "out"}


@pytest.mark.parametrize("stated", [None, 5, "", "..", "/", "a\0.png", "x" * 9000, ["a.png"], "b.png", "C:"])
def test_a_name_of_no_picture(prepare, tmp_path, stated):
    status, _, err = prepare("coco", *coco_file(tmp_path / "in", [coco_annotation()], [entry(1, stated)]))
    assert status == 2 and "image 1: " in err and not (tmp_path / "out").exists()


def test_a_bare_name_that_is_there_twice(prepare, tmp_path):
    for folder in ("x", "y"):
        picture(tmp_path / "images" / folder / "b.png")
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, "z/b.png")])
    assert "is there 2 times" in prepare("coco", *flags)[2]
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, "data/y/b.png")])
    status, _, err = prepare("coco", *flags)
    assert status == 0 and labels_of(tmp_path / "out") == {"y/b.png": [0, 1]}, err


def test_classes_choose_and_the_rest_is_told(prepare, tmp_path):
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    dog = coco_annotation(2, category_id=2, segmentation=[[30, 5, 40, 5, 40, 9]])
    status, out, err = prepare(
        "coco", *coco_file(tmp_path, [coco_annotation(), dog], categories=categories), "--classes", "dog"
    )
    assert status == 0 and "1 x 'cat' is not among --classes" in out, err
    assert np.unique(read_label(tmp_path / "out" / "annotations" / "a.png")).tolist() == [0, 1]


def test_segments_that_are_damaged(prepare, tmp_path):
    picture(tmp_path / "pan" / "a.png")
    for info in (None, 5, [5], [{"id": "x"}], [{"id": 1, "category_id": 1}] * 2, [{"id": 1, "category_id": 1}]):
        annotation = {"image_id": 1, "file_name": "a.png", "segments_info": info}
        flags = coco_file(tmp_path, [annotation, {"image_id": 3, "segments_info": []}])
        status, _, err = prepare("coco", *flags, "--panoptic_dir", tmp_path / "pan")
        assert status == 2 and ("segments_info holds" in err or "is not listed" in err)


@pytest.mark.parametrize(
    "names", [("x/a.png", "y/a.png"), ("/x/a.png", "/y/a.png"), ("C:\\x\\a.png", "a.png"), ("A.png", "a.PNG")]
)
def test_two_names_that_lead_to_one_picture(prepare, tmp_path, names):
    """Whose it is nobody knows: another's annotations would be painted on it."""
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, names[0]), entry(2, names[1])])
    status, _, err = prepare("coco", *flags)
    assert status == 2 and "all lead to" in err
    picture(tmp_path / "images" / "b.png")
    flags = coco_file(
        tmp_path, [coco_annotation(), coco_annotation(2, image_id=3)], [*map(entry, (1, 2), names), entry(3, "b.png")]
    )
    status, out, _ = prepare("coco", *flags, "--skip_bad")
    assert status == 0 and "1 x their picture is claimed under several names" in out
    assert labels_of(tmp_path / "out") == {"b.png": [0, 1]}


def test_names_with_accents_stored_in_two_ways(prepare, tmp_path):
    flags = coco_file(tmp_path, [coco_annotation()], [entry(1, "caf\u00e9.png")])
    (tmp_path / "images" / "a.png").rename(tmp_path / "images" / "cafe\u0301.png")
    assert prepare("coco", *flags)[0] == 0
