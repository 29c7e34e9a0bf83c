"""Counting labels."""

import json

import numpy as np
import pytest
from data_helpers import code, list_dataset, write_image

from paddleseg_lite.data import CamVid, Census, Dataset, Scenes, read_label, take_census
from paddleseg_lite.errors import ConfigError, DataError


def census(pixels, images=None, of_images=None):
    pixels = np.array(pixels, np.int64)
    total = np.full(len(pixels), pixels.sum())
    return Census(
        [str(i) for i in range(len(pixels))],
        1,
        pixels,
        (pixels > 0).astype(np.int64) if images is None else images,
        total if of_images is None else np.array(of_images, np.int64),
        0,
    )


def test_counts_by_hand(tmp_path):
    labels = [np.array([[0, 0, 1], [1, 1, 9]]), np.array([[0, 0, 0], [7, 7, 255]])]
    for i, label in enumerate(labels):
        write_image(tmp_path / f"{i}.png", code(label.astype(np.uint8)))
        write_image(tmp_path / f"l{i}.png", label.astype(np.uint8))
    (tmp_path / "train.txt").write_text("0.png l0.png\n1.png l1.png\n")
    dataset = Dataset(dataset_root=str(tmp_path), num_classes=3, train_path="train.txt", label_map={9: 255})
    result = take_census(dataset)
    assert result.files == 2 and result.pixels.tolist() == [5, 3, 0] and result.ignored == 2
    assert result.images.tolist() == [2, 1, 0] and result.pixels_of_images.tolist() == [8, 5, 0]
    assert result.out_of_range == {str(tmp_path / "l1.png"): {7: 2}}
    assert result.absent == [2] and result.share.tolist() == [5 / 8, 3 / 8, 0]
    np.testing.assert_allclose(result.weights("median_frequency"), [(0.625 + 0.6) / 2 / 0.625, 0.6125 / 0.6, 0])
    np.testing.assert_allclose(result.weights("enet"), 1 / np.log(1.02 + result.share), rtol=1e-6)
    assert json.loads(json.dumps(result.to_dict()))["classes"][1] == {
        "id": 1,
        "name": "class_1",
        "pixels": 3,
        "share": 0.375,
        "images": 1,
    }
    # loading is stricter than counting
    with pytest.raises(DataError, match=r"l1\.png holds ids that are no class: 7 \(2 px\)"):
        dataset.load(1)


def test_enet_weights_reach_from_1_42_to_50_5():
    weights = census([10, 0]).weights("enet")
    np.testing.assert_allclose(weights, [1.4222, 50.498], rtol=1e-4)
    assert census([5, 5]).weights("enet", c=1.2)[0] == pytest.approx(1 / np.log(1.7))
    for bad, message in (({"kind": "enet", "c": 1.0}, "need c > 1"), ({"kind": "mfb"}, "of kind enet or median")):
        with pytest.raises(ConfigError, match=message):
            census([1, 1]).weights(**bad)
    with pytest.raises(ConfigError, match="at least one valid pixel"):
        census([0, 0]).weights("median_frequency")


def test_scenes_and_limit():
    dataset = Scenes(num_samples=12, size=(48, 48), num_classes=7)
    whole = take_census(dataset)
    brute = np.bincount(np.concatenate([dataset.load(i)["label"].ravel() for i in range(12)]), minlength=7)
    assert (whole.pixels == brute).all() and whole.ignored == 0 and whole.files == 12
    assert take_census(dataset, limit=5).files == 5 and take_census(dataset, limit=99).files == 12


def test_needs_labels(tmp_path):
    root = str(list_dataset(tmp_path))
    for mode in ("train", "val", "test"):
        dataset = Dataset(dataset_root=root, num_classes=3, mode=mode, **{f"{mode}_path": "train.txt"})
        assert take_census(dataset).files == 4
    (tmp_path / "test.txt").write_text("images/0.png\nimages/1.png")
    with pytest.raises(DataError, match=r"Dataset in test mode: image .*0\.png has no label"):
        take_census(Dataset(dataset_root=root, num_classes=3, mode="test", test_path="test.txt"))


def test_camvid(camvid):
    result = take_census(CamVid(dataset_root=str(camvid)))
    assert result.files == 367 and result.out_of_range == {} and result.absent == []
    brute, void = np.zeros(256, int), 0
    for path in sorted((camvid / "trainannot").iterdir())[::40]:
        void += (read_label(path) == 11).sum()
    for line in (camvid / "train.txt").read_text().split("\n")[:-1]:
        brute += np.bincount(read_label(camvid / line.split()[1]).ravel(), minlength=256)
    assert result.pixels.tolist() == brute[:11].tolist() and result.ignored == brute[11] >= void
    assert result.pixels.sum() + result.ignored == 367 * 360 * 480
    weights = result.weights("median_frequency")
    assert np.median(weights) == 1 and result.class_names[int(weights.argmax())] == "bicyclist"
