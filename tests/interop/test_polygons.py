"""Polygons of class maps hold exactly the pixels they came from, in every format."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from paddleseg_lite.data import read_label, write_png
from paddleseg_lite.interop.polygons import CocoWriter, geojson, labelme, mask_of, regions, simplified


def maps(count=12):
    """Class maps with holes, single pixels, pixels that touch by a corner."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        small = rng.integers(0, 3, rng.integers(1, 12, 2))
        yield np.kron(small, np.ones((2, 3), int)) if seed % 2 else small


def test_regions_are_the_map():
    for labels in maps():
        again = np.full(labels.shape, -1)
        for region in regions(labels):
            mask = mask_of(labels.shape, region).astype(bool)
            assert mask.sum() == region.area and (again[mask] == -1).all()
            again[mask] = region.class_id
        assert np.array_equal(again, labels)


def test_small_regions_and_background_are_left_out():
    labels = np.zeros((6, 6), int)
    labels[1:3, 1:3], labels[5, 5] = 1, 2
    assert [r.class_id for r in regions(labels, skip=(0,), least=2)] == [1]


def test_coco_gives_the_pixels_back():
    """As pycocotools reads it."""
    for labels in maps():
        writer = CocoWriter(["nothing", "a", "b"], background=0)
        writer.add(labels, "x.png")
        again = np.zeros(labels.shape, int)
        assert [c["id"] for c in writer.content["categories"]] == [1, 2]
        for note in json.loads(json.dumps(writer.content))["annotations"]:
            found, (height, width) = note["segmentation"], labels.shape
            packed = coco_mask.frPyObjects(found, height, width)
            mask = coco_mask.decode(packed if isinstance(packed, dict) else coco_mask.merge(packed)).astype(bool)
            assert mask.sum() == note["area"]
            again[mask] = note["category_id"]
        assert np.array_equal(again, labels)


@pytest.mark.parametrize("background", [0, None])
def test_labelme_goes_round(tmp_path, tool, background):
    """Prediction -> labelme -> prepare -> the same label: what is not moved by hand stays."""
    names = ["ground", "a", "b"]
    (tmp_path / "in").mkdir()
    everything = list(maps(8))
    for i, labels in enumerate(everything):
        write_png(tmp_path / "in" / f"{i}.png", np.zeros((*labels.shape, 3), np.uint8))
        document = labelme(labels, names, f"{i}.png", background=background, tolerance=0)
        (tmp_path / "in" / f"{i}.json").write_text(json.dumps(document))
    classes = "a,b" if background == 0 else "ground,a,b"
    given = ["--input", tmp_path / "in", "--output", tmp_path / "out", "--classes", classes, "--no_preview"]
    status, out, err = tool("prepare", "labelme", *given, "--skip_bad")
    assert status == 0, out + err
    for i, labels in enumerate(everything):
        if background is None or (labels > 0).any():
            again = read_label(tmp_path / "out" / "annotations" / f"{i}.png")
            assert np.array_equal(again - (background is None), labels)


def test_few_points_stay_close():
    y, x = np.mgrid[:80, :90]
    labels = ((x - 45) ** 2 + (y - 40) ** 2 < 900).astype(int)
    (region,) = regions(labels, skip=(0,))
    few = simplified(region.outline, 1.0)
    assert 8 <= len(few) < len(region.outline) / 3
    document = labelme(labels, ["ground", "disc"], "x.png", background=0)
    assert len(document["shapes"][0]["points"]) < 40 and document["imageHeight"] == 80


def test_geojson_has_rings_and_coordinates():
    labels = np.ones((5, 6), int)
    labels[2, 2:4] = 0
    shifted = geojson(labels, ["hole", "land"], background=0, transform=lambda points: points * [10, -10] + [500, 900])
    (feature,) = shifted["features"]
    outer, hole = feature["geometry"]["coordinates"]
    assert outer[0] == outer[-1] and hole[0] == hole[-1] and feature["properties"]["class"] == "land"
    assert {tuple(p) for p in outer} == {(500, 900), (560, 900), (560, 850), (500, 850)}
    assert {tuple(p) for p in hole} == {(520, 880), (540, 880), (540, 870), (520, 870)}
