"""The network that comes with the package, and the pictures that fit it."""

import numpy as np
import pytest

import paddleseg_lite
from paddleseg_lite.cli import infer, prepare
from paddleseg_lite.data.building import build_scored
from paddleseg_lite.inference.evaluation import evaluate
from paddleseg_lite.inference.predictor import find_config
from paddleseg_lite.weights.shipped import FOLDER, find_shipped, shipped


@pytest.fixture(scope="module")
def network():
    return paddleseg_lite.load("quick_start")


def test_it_answers_without_a_training_and_knows_scenes_it_has_not_seen(network):
    spec = {**network.config.val_dataset, "seed": 1, "num_samples": 24}
    found = evaluate(network.model, build_scored(spec, mode="val"), options=network.options)
    assert found.scores.mIoU > 0.85


def test_each_shipped_network_is_small_and_has_a_card():
    assert "quick_start" in shipped()
    for folder in shipped().values():
        assert sum(file.stat().st_size for file in folder.iterdir()) < 2_000_000
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "Licence" in card and "mIoU" in card


def test_the_card_states_the_number_of_parameters(network):
    count = sum(int(np.prod(p.shape)) for p in network.model.parameters() if not p.stop_gradient)
    assert f"{count:,} parameters" in (FOLDER / "quick_start" / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_that_name_is_meant_where_there_is_one(tmp_path, monkeypatch):
    assert find_config("quick_start").parent == find_shipped("quick_start")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick_start").mkdir()
    assert find_shipped("quick_start") is None


def test_painted_pictures_are_segmented_as_their_labels_say(tmp_path, network):
    folder = tmp_path / "scenes"
    assert prepare.main(["scenes", "--output", str(folder), "--count", "5", "--size", "128"]) == 0
    pairs = sorted((folder / "images").glob("*.png"))
    assert len(pairs) == 5 and (folder / "recipe.yml").is_file()
    out = tmp_path / "out"
    assert infer.main(
        ["--model_path", "quick_start", "--image_path", str(folder / "images"), "--save_dir", str(out)]
    ) in (0, None)
    right = []
    for image in pairs:
        label = paddleseg_lite.data.read_label(folder / "annotations" / image.name)
        right.append(np.mean(network.predict(image).labels == label))
    assert np.mean(right) > 0.9


def test_the_same_scenes_each_time_and_others_for_another_seed(tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        prepare.main(
            ["scenes", "--output", str(tmp_path / name), "--count", "2", "--size", "48", "--seed", seed, "--no_preview"]
        )
    a, b, c = ((tmp_path / name / "images" / "scene_0000.png").read_bytes() for name in "abc")
    assert a == b != c
