"""The contract of a dataset: pictures and ids as promised, from a folder that its registration describes."""

import pickle

import numpy as np
import pytest

from paddleseg_lite.data import BatchSchedule, train_batches
from paddleseg_lite.data.building import build_dataset
from paddleseg_lite.errors import ConfigError
from paddleseg_lite.registry import DATASETS
from tests.contracts.found import every, on_disk


@pytest.fixture
def build(spec, tmp_path):
    """The dataset with these arguments more; its folder is written once."""
    written = on_disk(spec, tmp_path)
    return lambda **more: DATASETS.build({**written, **more})


@every(DATASETS)
def test_a_sample_is_a_picture_and_its_ids(build):
    data = build()
    assert len(data) >= 1 and data.num_classes >= 2
    assert len(data.class_names) == len(set(data.class_names)) == data.num_classes
    assert np.asarray(data.palette).shape == (data.num_classes, 3)
    for index in range(len(data)):
        sample = data.load(index)
        image, label = sample["image"], sample["label"]
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert label.dtype in (np.uint8, np.int32) and label.shape == image.shape[:2]
        assert set(np.unique(label)) <= {*range(data.num_classes), data.ignore_index}
        assert sample["meta"]["index"] == index and sample["meta"]["size"] == image.shape[:2]
        assert sample["meta"]["trans_info"] == [] and sample["meta"]["path"]


@every(DATASETS)
def test_reading_again_gives_the_same(build):
    data, other = build(), pickle.loads(pickle.dumps(build()))  # as a worker has it
    for index in range(len(data)):
        a, b, c = data.load(index), data.load(index), other.load(index)
        for key in ("image", "label"):
            assert (a[key] == b[key]).all() and (a[key] == c[key]).all()


@every(DATASETS)
def test_the_label_as_stored_leads_to_the_label(build):
    """The census reads labels without their pictures."""
    data = build()
    for index in range(len(data)):
        stored, name = data.raw_label(index)
        assert name
        assert (data.labels.apply(stored.copy(), name) == data.load(index)["label"]).all()


@every(DATASETS)
def test_a_sample_that_is_not_there(build):
    data = build()
    with pytest.raises(IndexError, match=f"sample {len(data)} of {len(data)}"):
        data.load(len(data))


@every(DATASETS)
def test_keys_that_every_dataset_takes(build):
    data = build()
    try:
        grey = build(img_channels=1).load(0)
    except ConfigError as e:  # one that makes its pictures itself may have colours alone
        assert "img_channels" in str(e)
    else:
        assert grey["image"].shape == (*data.load(0)["image"].shape[:2], 1)
    stored = data.raw_label(0)[0]
    some = int(stored[data.load(0)["label"] != data.ignore_index][0])
    assert (build(label_map={some: data.ignore_index}).load(0)["label"] == data.ignore_index)[stored == some].all()
    names = [f"name {i}" for i in range(data.num_classes)]
    assert build(class_names=names).class_names == names
    cached = build(cache="memory")
    cached.open_cache()
    for _ in range(2):
        assert (cached.load(0)["image"] == data.load(0)["image"]).all()


@every(DATASETS)
def test_batches_come_out_of_the_loader(build):
    crop = [{"type": "RandomPaddingCrop", "crop_size": [16, 8]}, {"type": "Normalize"}]
    data = build(transforms=crop)
    (batch,) = train_batches(data, BatchSchedule(len(data), 2, seed=0), seed=0, stop_iter=1)
    assert list(batch["image"].shape) == [2, 3, 8, 16] and list(batch["label"].shape) == [2, 8, 16]


@every(DATASETS)
def test_a_recipe_finds_it_by_name(spec, tmp_path):
    data = build_dataset({**on_disk(spec, tmp_path), "transforms": [{"type": "Normalize"}]}, mode="train")
    assert type(data) is DATASETS.get(spec["type"]) and data.get(0)["image"].dtype == np.float32
