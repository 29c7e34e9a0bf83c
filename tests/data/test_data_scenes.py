"""Scenes: reproducible, disjoint, complete, quick."""

import hashlib
import time

import numpy as np
import pytest

from paddleseg_lite.data.datasets.scene_street import PERSON, POLE, SCENES_CLASSES, WIRE
from paddleseg_lite.data.datasets.scenes import Scenes, render_scene
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.registry import DATASETS


def digest(index, mode="train", **kwargs):
    return hashlib.sha256(b"".join(a.tobytes() for a in render_scene(0, mode, index, **kwargs))).hexdigest()


def test_the_same_everywhere():
    """Golden: a change of these numbers changes everybody's scenes."""
    assert digest(0)[:16] == "f515a73b51229074"
    assert digest(5, "val", size=(120, 160), num_classes=10)[:16] == "8b7bddeb94bf4093"


def test_depends_on_seed_mode_and_index_alone():
    a = Scenes(num_samples=12, num_classes=9)
    b = Scenes(num_samples=400, num_classes=9)
    order = [b.load(i) for i in (7, 3, 11)]
    for sample, i in zip(order, (7, 3, 11)):
        assert (sample["image"] == a.load(i)["image"]).all() and (sample["label"] == a.load(i)["label"]).all()
    every = {
        hashlib.sha256(d.load(i)["image"].tobytes()).digest()
        for d in (a, Scenes(num_samples=12, num_classes=9, mode="val"), Scenes(num_samples=12, num_classes=9, seed=1))
        for i in range(12)
    }
    assert len(every) == 36


@pytest.mark.parametrize("k", range(6, 11))
def test_classes(k):
    dataset = DATASETS.build({"type": "Scenes", "num_samples": 40, "num_classes": k, "size": [96, 128]})
    pixels = np.zeros(256, int)
    for i in range(40):
        sample = dataset.load(i)
        assert sample["image"].shape == (96, 128, 3) and sample["image"].dtype == np.uint8
        assert sample["label"].shape == (96, 128) and sample["label"].dtype == np.uint8
        pixels += np.bincount(sample["label"].ravel(), minlength=256)
    assert (pixels[:k] > 0.004 * pixels.sum()).all() and pixels[k:].sum() == 0
    assert dataset.class_names == [n for n, _ in SCENES_CLASSES[:k]] and dataset.palette.shape == (k, 3)


def runs(mask):
    """Lengths of horizontal runs."""
    edges = np.diff(np.pad(mask.astype(int), ((0, 0), (1, 1))), axis=1)
    return np.concatenate([np.flatnonzero(r == -1) - np.flatnonzero(r == 1) for r in edges])


def test_thin_things_are_three_pixels():
    dataset = Scenes(num_samples=30, num_classes=10)
    labels = [dataset.load(i)["label"] for i in range(30)]
    poles = np.concatenate([runs(x == POLE) for x in labels])
    wires = np.concatenate([runs((x == WIRE).T) for x in labels])
    for lengths in (poles, wires):
        assert np.median(lengths) in (3, 4) and (lengths >= 3).mean() > 0.75  # the rest is half hidden
    assert np.median(np.concatenate([runs(x == PERSON) for x in labels])) >= 3


def test_hiding_and_noise():
    clean, noisy = (
        np.stack([render_scene(0, "train", i, noise=n)[0] for i in range(8)]).astype(float) for n in (0.0, 0.08)
    )
    inner = (clean > 70) & (clean < 190)  # not clipped
    assert 0.07 * 255 < (noisy - clean)[inner].std() < 0.09 * 255
    easy, hard = (
        np.stack([render_scene(0, "train", i, difficulty=d, noise=0)[0].mean() for i in range(40)]).std()
        for d in (0.0, 1.0)
    )
    assert hard > 1.5 * easy


@pytest.mark.slow  # a time, and a slow machine is no fault
def test_quick():
    dataset, times = Scenes(num_samples=100, num_classes=10), []
    for i in range(30):
        start = time.process_time()
        dataset.load(i)
        times.append(time.process_time() - start)
    assert np.median(times) < 0.010


def test_test_mode_has_no_labels():
    assert "label" not in Scenes(num_samples=2, mode="test").load(0)


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"num_classes": 5}, "num_classes is 6 to 10"),
        ({"size": 96}, "size is .height, width."),
        ({"size": (16, 96)}, "at least 32"),
        ({"num_samples": 0}, "num_samples is an integer from 1 to"),
        ({"num_samples": 10**30}, "num_samples is an integer from 1 to"),
        ({"noise": 2}, "noise in 0..0.5"),
        ({"mode": "trainval"}, "mode is one of train, val, test"),
        ({"img_channels": 1}, "leave img_channels at 3"),
    ],
)
def test_bad_arguments(bad, message):
    with pytest.raises(ConfigError, match=message):
        Scenes(**bad)
