"""Pictures unlike the training pictures are told from those that may be among them."""

import numpy as np
import pytest

from paddleseg_lite.data.building import build_dataset
from paddleseg_lite.data.likeness import PictureStatistics, measures, picture_statistics, summarise, unlike


@pytest.fixture(scope="module")
def scenes():
    return picture_statistics(build_dataset({"type": "Scenes", "num_samples": 64}, mode="train"))


def test_validation_pictures_are_like_those_of_training(scenes):
    val = build_dataset({"type": "Scenes", "num_samples": 60}, mode="val")
    assert not any(unlike(val.load(i)["image"], scenes) for i in range(len(val)))


def test_a_street_photo_is_unlike_scenes(scenes, camvid):
    photo = build_dataset({"type": "CamVid", "dataset_root": str(camvid)}, mode="val").load(0)["image"]
    reasons = " ".join(unlike(photo, scenes))
    assert "480x360 pixels" in reasons and "less colourful" in reasons
    assert "pixels" not in " ".join(unlike(photo, scenes, sized=False))  # brought to one size first


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda image: image // 8, "darker"),
        (lambda image: 255 - image // 8, "brighter"),
        (lambda image: image.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8), "less colourful"),
        (lambda image: np.full_like(image, 110), "of less contrast"),
        (lambda image: np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8), "more finely grained"),
    ],
)
def test_the_reason_says_what_differs(scenes, change, word):
    image = build_dataset({"type": "Scenes", "num_samples": 1}, mode="val").load(0)["image"]
    assert word in " ".join(unlike(change(image), scenes))


def test_any_picture_can_be_measured():
    for shape in ((1, 1, 3), (1, 9, 1), (3000, 2, 5), (2, 2, 1)):
        found = measures(np.zeros(shape, np.uint8))
        assert all(0 <= v <= 1 for v in found.values()) and ("colour" in found) == (shape[2] == 3)


def test_few_pictures_say_less_than_many():
    rng = np.random.default_rng(0)
    images = [(rng.random((20, 20, 3)) * level).astype(np.uint8) for level in np.linspace(120, 160, 40)]
    bright = (rng.random((20, 20, 3)) * 185).astype(np.uint8)
    assert unlike(bright, summarise(images)) and not unlike(bright, summarise(images[::20]))


def test_what_is_kept_comes_back():
    known = PictureStatistics(3, 3, (64, 96), {"brightness": (0.2, 0.4)})
    assert PictureStatistics.from_dict(known.to_dict()) == known
    for other in (None, {}, {"ranges": 3}, {**known.to_dict(), "sides": [1]}):  # of an older run, or damaged
        assert PictureStatistics.from_dict(other) is None
    assert summarise([]) is None


def test_the_network_that_comes_along_knows_what_it_was_trained_on(camvid):
    from paddleseg_lite import load

    network = load("quick_start")
    val = build_dataset(network.config.val_dataset, mode="val")
    assert not any(network.unlike(val.load(i)["image"]) for i in range(0, len(val), 2))
    street = build_dataset({"type": "CamVid", "dataset_root": str(camvid)}, mode="val").load(3)["image"]
    assert "480x360 pixels" in " ".join(network.unlike(street))
