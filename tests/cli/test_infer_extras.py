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


def geotiff(path, image, *, point=False):
    """A picture of metres in UTM zone 33 north, written by the reference writer."""
    import tifffile

    keys = [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 2 if point else 1, 3072, 0, 1, 32633]
    tags = [
        (33550, 12, 3, (10.0, 10.0, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4100000.0, 0.0), True),
        (34735, 3, len(keys), keys, True),
    ]
    tifffile.imwrite(path, image, photometric="rgb", extratags=tags)


@pytest.mark.parametrize("point", [False, True])
def test_what_is_made_of_a_geotiff_lies_where_it_lies(tmp_path, point):
    from pathlib import Path

    import tifffile

    source = tmp_path / "field.tif"
    labels = np.zeros((20, 30), np.uint8)
    labels[5:10, 5:15] = 1
    geotiff(source, np.zeros((20, 30, 3), np.uint8), point=point)
    shares = np.stack([1.0 - labels, labels]).astype(np.float32)
    kinds = ["probabilities", "geojson"]
    extras = Extras(kinds, tmp_path / "out", Run.class_names)
    extras.add(Prediction(labels, np.zeros((20, 30, 3), np.uint8), str(source), shares), Path("field"))
    made = ["probabilities/field.tif", "geojson/field.geojson", "id_prediction/field.tif"]
    assert Extras.targets(source, Path("field"), kinds) == made
    assert all((tmp_path / "out" / name).is_file() for name in made)
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(tmp_path / "out" / made[0]) as after:
        for tag in (33550, 33922, 34735):
            assert after.pages[0].tags.valueof(tag) == before.pages[0].tags.valueof(tag)
        assert np.array_equal(after.asarray(), shares) and after.pages[0].description.split("\n") == Run.class_names
    assert np.array_equal(tifffile.imread(tmp_path / "out" / made[2]), labels)
    document = json.loads((tmp_path / "out" / made[1]).read_text())
    shift = 5.0 if point else 0.0  # the tie point is the centre of the first pixel, or its corner
    (ring,) = document["features"][0]["geometry"]["coordinates"]
    assert min(p[0] for p in ring) == 500050 - shift and max(p[1] for p in ring) == 4099950 + shift
    assert document["crs"]["properties"]["name"].endswith(":32633")


def test_probabilities_of_other_pictures_are_arrays(tmp_path):
    from pathlib import Path

    shares = np.random.default_rng(0).dirichlet([1, 1], (6, 7)).transpose(2, 0, 1).astype(np.float32)
    extras = Extras(["probabilities"], tmp_path, Run.class_names)
    extras.add(
        Prediction(shares.argmax(0).astype(np.uint8), np.zeros((6, 7, 3), np.uint8), "a.png", shares), Path("x/a")
    )
    with np.load(tmp_path / "probabilities" / "x" / "a.npz") as file:
        assert file["class_names"].tolist() == Run.class_names
        np.testing.assert_allclose(file["probabilities"], shares, atol=1e-3)
    assert Extras.targets(Path("a.png"), Path("x/a"), ["probabilities"]) == ["probabilities/x/a.npz"]


@pytest.mark.parametrize("stored", [b"", b"II*\0", b"II*\0\x08\0\0\0\0\0\0\0\0\0"])
def test_a_damaged_tiff_has_no_georeference(tmp_path, stored):
    from paddleseg_lite.data.georeference import read_georeference

    (tmp_path / "a.tif").write_bytes(stored)
    assert read_georeference(tmp_path / "a.tif") is None
