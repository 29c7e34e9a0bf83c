"""What infer writes besides the plain pictures: background left alone, legends with shares, areas, polygons."""

import csv
import json

import numpy as np
import pytest

from paddleseg_lite.cli.jobs.extras import Extras
from paddleseg_lite.cli.jobs.painter import Painter
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.inference.predictor import Prediction
from paddleseg_lite.visualize import background_classes, class_shares, overlay


class Run:
    """As much of a loaded network as a painter needs."""

    class_names = ["background", "cat"]
    palette = np.array([[0, 0, 0], [230, 159, 0]], np.uint8)


@pytest.fixture
def prediction():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:10, 5:15] = 1
    return Prediction(labels=labels, image=np.full((20, 30, 3), 200, np.uint8), path="photos/a.jpg")


def test_background_is_the_photo_itself(prediction):
    """It was painted black at 60 %: brightness 200 became 80."""
    bare = prediction.labels == 0
    hidden, shown = (Painter(Run, background=b).added(prediction) for b in ("hide", "show"))
    assert (hidden[bare] == 200).all() and (shown[bare] == 80).all()
    assert np.array_equal(hidden[~bare], shown[~bare]) and (hidden[~bare] != 200).any()


def test_which_classes_are_background():
    assert background_classes(["sky", "road"]) == () and background_classes(["Background", "cat"]) == (0,)
    assert background_classes(["background"]) == ()  # all of it: then it is what is looked for
    image = np.full((2, 2, 3), 9, np.uint8)
    assert np.array_equal(overlay(image, np.zeros((2, 2), int), Run.palette, hidden=(0,)), image)


def test_the_legend_stands_beside_with_shares(prediction, tmp_path):
    from pathlib import Path

    from paddleseg_lite.data import read_image

    Painter(Run, legend=True).write(prediction, tmp_path, Path("a"))
    picture = read_image(tmp_path / "added_prediction" / "a.png")
    assert picture.shape[0] == 20 and picture.shape[1] > 100
    assert class_shares(prediction.labels, 2).tolist() == [550 / 600, 50 / 600]


def test_areas_and_polygons(prediction, tmp_path):
    from pathlib import Path

    extras = Extras(["labelme", "coco", "geojson"], tmp_path, Run.class_names)
    extras.add(prediction, Path("a"))
    extras.close()
    with open(tmp_path / "areas.csv", newline="", encoding="utf-8-sig") as f:
        rows = {row["class"]: row for row in csv.DictReader(f)}
    assert rows["cat"]["pixels"] == "50" and float(rows["background"]["share"]) == pytest.approx(550 / 600, abs=1e-6)
    shapes = json.loads((tmp_path / "labelme" / "a.json").read_text())
    assert shapes["imagePath"] == "a.jpg" and [s["label"] for s in shapes["shapes"]] == ["cat"]
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert coco["annotations"][0]["bbox"] == [5.0, 5.0, 10.0, 5.0] and coco["annotations"][0]["area"] == 50
    assert len(json.loads((tmp_path / "geojson" / "a.geojson").read_text())["features"]) == 1


def test_an_unknown_format_has_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'labelme'"):
        Extras(["lableme"], tmp_path, Run.class_names)
