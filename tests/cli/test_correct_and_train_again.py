"""The loop of the page on own data: a prediction as labelme's polygons, corrected, and trained on again."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "interop" / "prepare"))

from folders import LAYOUTS

from paddleseg_lite.data import read_label

TRAIN = ["--iters", 2, "--batch_size", 2, "--no_vdl", "--no_doctor", "--opts", "model.base_channels=4"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


def test_a_prediction_is_corrected_and_trained_on_again(work, tool):
    photos, drawn = work / "photos", work / "drawn"
    LAYOUTS["labelme"](photos)
    assert tool("train", "--data", photos, *TRAIN[:-2], "--save_dir", work / "one", *TRAIN[-2:])[0] == 0
    infer = ["--image_path", photos, "--save_dir", drawn, "--also", "labelme", "probabilities", "--engine", "dygraph"]
    status, out, err = tool("infer", "--model_path", work / "one", *infer)
    assert status == 0, out + err
    names = sorted(p.stem for p in photos.glob("*.png"))
    assert sorted(p.stem for p in (drawn / "labelme").glob("*.json")) == names
    assert sorted(p.stem for p in (drawn / "probabilities").glob("*.npz")) == names

    for path in photos.glob("*.png"):  # cp more_photos/* output/drawn/labelme/
        shutil.copy(path, drawn / "labelme" / path.name)
    corrected = {}
    for number, path in enumerate(sorted((drawn / "labelme").glob("*.json"))):  # what a person does in labelme
        document = json.loads(path.read_text(encoding="utf-8"))
        assert (drawn / "labelme" / document["imagePath"]).is_file()
        left, top = 4 + number, 3
        square = [[left, top], [left + 19, top], [left + 19, top + 14], [left, top + 14]]
        label = {"label": "cat", "points": square, "shape_type": "polygon", "flags": {}, "group_id": None}
        document["shapes"] = [label]
        path.write_text(json.dumps(document), encoding="utf-8")
        corrected[path.stem] = (slice(top, top + 15), slice(left, left + 20))

    status, out, err = tool("train", "--data", drawn / "labelme", *TRAIN[:-2], "--save_dir", work / "two", *TRAIN[-2:])
    assert status == 0, out + err
    labels = {path.stem: read_label(path) for path in (work / "two" / "data").rglob("*.png") if path.stem in corrected}
    assert sorted(labels) == names
    for name, place in corrected.items():
        expected = np.zeros_like(labels[name])
        expected[place] = 1
        np.testing.assert_array_equal(labels[name], expected)
    status, out, err = tool("val", "--model_path", work / "two", "--report", work / "report")
    assert status == 0 and (work / "report" / "index.html").is_file(), err
