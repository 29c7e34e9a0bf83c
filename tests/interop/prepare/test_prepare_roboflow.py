"""Roboflow's exports: COCO segmentation and semantic masks, with its parts."""

import json

import numpy as np
import pytest
from annotated import coco_annotation, labels_of, picture

from paddleseg_lite.data import read_label, write_png
from paddleseg_lite.interop.prepare.roboflow import roboflow_job

ROOT = {"id": 0, "name": "pets", "supercategory": "none"}
CAT = {"id": 1, "name": "cat", "supercategory": "pets"}


def coco_export(folder, categories=(ROOT, CAT)):
    for part in ("train", "valid", "test"):
        picture(folder / part / "a_png.rf.0123.png")
        document = {
            "images": [{"id": 1, "file_name": "a_png.rf.0123.png", "height": 40, "width": 60}],
            "annotations": [coco_annotation()],
            "categories": list(categories),
        }
        (folder / part / "_annotations.coco.json").write_text(json.dumps(document))
    return ["--input", folder]


def test_coco(prepare, tmp_path):
    status, out, err = prepare("roboflow", *coco_export(tmp_path / "in"))
    assert status == 0 and "3 of 3 annotations used" in out, err
    assert (tmp_path / "out" / "labels.txt").read_text().split() == ["background", "cat"]  # not the project
    assert labels_of(tmp_path / "out") == {f"{p}/a_png.rf.0123.png": [0, 1] for p in ("train", "val", "test")}
    assert [item.part for item in roboflow_job(tmp_path / "in").items] == ["train", "val", "test"]


def mask_export(folder, table="Pixel Value, Class\n0, background\n1, cat\n", value=1):
    for part in ("train", "valid"):
        picture(folder / part / "a.rf.1.png")
        label = np.zeros([40, 60], np.uint8)
        label[:9] = value
        write_png(folder / part / "a.rf.1_mask.png", label)
        (folder / part / "_classes.csv").write_text(table)
    return ["--input", folder]


def test_masks(prepare, tmp_path):
    status, out, err = prepare("roboflow", *mask_export(tmp_path / "in"))
    assert status == 0 and "2 of 2 labels used" in out, err
    assert read_label(tmp_path / "out" / "annotations" / "val" / "a.rf.1.png").sum() == 9 * 60
    assert (
        prepare("roboflow", *mask_export(tmp_path / "in", "Pixel Value, Class\n0, bg\n7, cat\n", 7), "--overwrite")[0]
        == 0
    )
    assert read_label(tmp_path / "out" / "annotations" / "train" / "a.rf.1.png").max() == 1


@pytest.mark.parametrize(
    "table, message",
    [
        ("Pixel Value, Class\n0, background\n", "values [1] that"),
        ("Pixel Value, Class\nx, background\n", "_classes.csv, line 2"),
        ("Pixel Value, Class\n0\n", "_classes.csv, line 2"),
        ("Pixel Value, Class\n0, a, b\n", "_classes.csv, line 2"),
        ("Pixel Value, Class\n0, a\n1, a\n", "names twice: a"),
        ("", "holds no classes"),
        ('Pixel Value, Class\n"' + "x" * 200_000, "is not valid CSV"),
    ],
)
def test_tables_that_are_wrong(prepare, tmp_path, table, message):
    status, _, err = prepare("roboflow", *mask_export(tmp_path / "in", table))
    assert status == 2 and message in err


def test_other_trouble(prepare, tmp_path):
    (tmp_path / "in").mkdir()
    assert "is no export of Roboflow" in prepare("roboflow", "--input", tmp_path / "in")[2]
    flags = mask_export(tmp_path / "in")
    (tmp_path / "in" / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, dog\n")
    assert "have different classes" in prepare("roboflow", *flags)[2]
    mask_export(tmp_path / "in")
    (tmp_path / "in" / "train" / "a.rf.1.png").unlink()
    assert "0 pictures are called" in prepare("roboflow", *flags)[2]
