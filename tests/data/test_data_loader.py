"""Batches: the same for any number of workers, whole errors, no processes left behind."""

import multiprocessing
import platform
import time

import numpy as np
import paddle
import pytest
from data_helpers import code, list_dataset, write_image

from paddleseg_lite.data import BatchSampler, Dataset, Scenes, eval_batches, restore, train_batches
from paddleseg_lite.data import workers as processes
from paddleseg_lite.errors import DataError, EnvironmentProblem
from paddleseg_lite.registry import DATASETS

WORKERS = [0, 1, 2] if platform.system() == "Linux" else [0]
AUGMENT = [
    {"type": "ResizeStepScaling", "min_scale_factor": 0.5, "max_scale_factor": 2.0},
    {"type": "RandomPaddingCrop", "crop_size": [40, 32]},
    {"type": "RandomHorizontalFlip"},
    {"type": "RandomDistort"},
    {"type": "RandomBlur", "prob": 0.5},
    {"type": "ElasticDeformation", "sigma": 3.0},
    {"type": "UNetBorderWeight", "sigma": 2.0},
    {"type": "Normalize"},
]


def scenes(**kwargs):
    return Scenes(**{"num_samples": 10, "size": (48, 64), "transforms": AUGMENT, **kwargs})


def arrays(batches):
    return [{k: v if k == "meta" else v.numpy() for k, v in b.items()} for b in batches]


def equal(a, b):
    assert len(a) == len(b) > 0
    for x, y in zip(a, b):
        assert x.keys() == y.keys() and x["meta"] == y["meta"]
        for key in x:
            if key != "meta":
                assert x[key].dtype == y[key].dtype and (x[key] == y[key]).all()


def test_what_a_batch_is():
    dataset = scenes()
    (batch,) = train_batches(dataset, BatchSampler(10, 4, seed=0), seed=0, stop_iter=1)
    assert list(batch["image"].shape) == [4, 3, 32, 40] and batch["image"].dtype == paddle.float32
    assert list(batch["label"].shape) == [4, 32, 40] and batch["label"].dtype == paddle.int64
    assert list(batch["weight"].shape) == [4, 32, 40] and batch["weight"].dtype == paddle.float32
    pairs = BatchSampler(10, 4, seed=0).batch(0)
    assert [m["index"] for m in batch["meta"]] == [i for _, i in pairs]
    assert all(m["size"] == (48, 64) and m["path"].startswith("scenes/train-0-") for m in batch["meta"])


def test_the_same_for_any_number_of_workers():
    runs = []
    for workers in WORKERS:
        paddle.seed(workers)  # other random states do not matter
        np.random.seed(workers)
        schedule = BatchSampler(10, 4, seed=3)
        runs.append(arrays(train_batches(scenes(), schedule, seed=7, stop_iter=5, num_workers=workers)))
    for other in runs[1:]:
        equal(runs[0], other)
    epochs = [b["image"] for b in runs[0]]
    assert (epochs[0] != epochs[2]).any()


def test_resumes_anywhere():
    schedule = BatchSampler(10, 4, seed=3)
    whole = arrays(train_batches(scenes(), schedule, seed=7, stop_iter=6))
    rest = arrays(train_batches(scenes(), schedule, seed=7, start_iter=4, stop_iter=6, num_workers=WORKERS[-1]))
    equal(whole[4:], rest)


def test_a_sample_differs_from_epoch_to_epoch_and_seed_to_seed():
    dataset, schedule = scenes(num_samples=1), BatchSampler(1, 1, seed=0)
    a = arrays(train_batches(dataset, schedule, seed=0, stop_iter=3))
    b = arrays(train_batches(dataset, schedule, seed=1, stop_iter=1))
    assert (a[0]["image"] != a[1]["image"]).any() and (a[0]["image"] != b[0]["image"]).any()


@pytest.mark.parametrize("workers", WORKERS[:2])
def test_errors_arrive_whole(tmp_path, workers):
    list_dataset(tmp_path)
    (tmp_path / "images/2.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    dataset = Dataset(dataset_root=str(tmp_path), num_classes=3, train_path="train.txt")
    with pytest.raises(DataError) as caught:
        list(train_batches(dataset, BatchSampler(4, 2, seed=0), seed=0, stop_iter=2, num_workers=workers))
    with pytest.raises(DataError) as direct:
        dataset.load(2)
    assert str(caught.value) == str(direct.value) and "2.png is a damaged PNG" in str(caught.value)
    with pytest.raises(DataError, match=r"2\.png is a damaged PNG"):
        list(eval_batches(dataset, num_workers=workers))


@pytest.mark.parametrize("workers", WORKERS[:2])
def test_faults_of_a_transform_keep_their_traceback(workers):
    def faulty(sample, rng):
        return sample["nothing"]

    dataset = scenes(transforms=[faulty])
    with pytest.raises(RuntimeError, match=r"(?s)making the sample \d+ failed:.*in faulty.*KeyError: 'nothing'"):
        list(train_batches(dataset, BatchSampler(10, 4, seed=0), seed=0, stop_iter=1, num_workers=workers))


@pytest.mark.parametrize("workers", WORKERS[:2])
def test_sizes_that_differ(workers):
    dataset = scenes(transforms=AUGMENT[:1])
    with pytest.raises(DataError, match=r"images of a batch differ in size .*RandomPaddingCrop.*batch_size 1"):
        list(train_batches(dataset, BatchSampler(10, 5, seed=0), seed=0, stop_iter=2, num_workers=workers))


def test_training_needs_labels():
    dataset = scenes(mode="test", transforms=[])
    with pytest.raises(DataError, match="has no label, and training needs one"):
        next(train_batches(dataset, BatchSampler(10, 2, seed=0), seed=0))


def test_schedule_of_another_dataset():
    with pytest.raises(ValueError, match="sampler is for 9 samples, the dataset has 10"):
        next(train_batches(scenes(), BatchSampler(9, 2, seed=0), seed=0))


@pytest.mark.skipif(len(WORKERS) == 1, reason="workers need Linux")
def test_no_worker_is_left_behind():
    before = len(multiprocessing.active_children())
    endless = train_batches(scenes(), BatchSampler(10, 2, seed=0), seed=0, num_workers=2)
    next(endless)
    assert len(multiprocessing.active_children()) == before + 2
    endless.close()
    deadline = time.time() + 120
    while len(multiprocessing.active_children()) > before and time.time() < deadline:
        time.sleep(0.02)
    assert len(multiprocessing.active_children()) == before


@pytest.mark.skipif(len(WORKERS) == 1, reason="workers need Linux")
@pytest.mark.parametrize("lacking", ["shared_memory", "locks"])
def test_where_processes_cannot_share_the_main_one_reads(monkeypatch, caplog, tmp_path, lacking):
    """Containers without /dev/shm, or with one that cannot be written."""

    def refuse():
        raise OSError(38, "Function not implemented")

    if lacking == "locks":
        monkeypatch.setattr(processes.multiprocessing, "Lock", refuse)
    else:
        monkeypatch.setattr(processes, "SHARED", str(tmp_path / "shm"))
    caplog.set_level("INFO", logger="paddleseg_lite")
    plan = BatchSampler(10, 2, seed=0)
    told = list(arrays(train_batches(scenes(), plan, seed=0, stop_iter=2, num_workers=2)))
    assert len(told) == 2 and not multiprocessing.active_children()
    assert (
        "a loader of 2 processes is not to be had here" in caplog.text
        and "the main process is used instead" in caplog.text
    )


@pytest.mark.skipif(len(WORKERS) == 1, reason="workers need Linux")
def test_a_killed_worker_is_explained():
    endless = train_batches(scenes(), BatchSampler(10, 2, seed=0), seed=0, num_workers=1)
    next(endless)
    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(EnvironmentProblem, match=r"loader worker ended unexpectedly \(exit code -9.*num_workers 0"):
        for _ in range(20):
            next(endless)


def test_without_normalize_values_are_0_to_255():
    (batch,) = train_batches(scenes(transforms=[]), BatchSampler(10, 2, seed=0), seed=0, stop_iter=1)
    assert batch["image"].dtype == paddle.float32 and batch["image"].numpy().max() > 200


@pytest.mark.parametrize("workers", WORKERS[:2])
def test_evaluation_keeps_order_and_label_sizes(tmp_path, workers):
    sizes, lines = [(24, 32), (24, 32), (30, 20), (24, 32), (24, 32), (24, 32)], []
    for i, size in enumerate(sizes):
        label = np.full(size, i % 3, np.uint8)
        write_image(tmp_path / f"{i}.png", code(label))
        write_image(tmp_path / f"l{i}.png", label)
        lines.append(f"{i}.png l{i}.png")
    (tmp_path / "val.txt").write_text("\n".join(lines))
    dataset = Dataset(
        dataset_root=str(tmp_path),
        num_classes=3,
        mode="val",
        val_path="val.txt",
        transforms=[{"type": "ResizeByShort", "short_size": 48}, {"type": "Normalize"}],
    )
    batches = list(eval_batches(dataset, batch_size=2, num_workers=workers))
    assert [len(b["meta"]) for b in batches] == [2, 1, 2, 1]
    assert [m["index"] for b in batches for m in b["meta"]] == list(range(6))
    for batch in batches:
        assert batch["image"].shape[0] == len(batch["label"]) == len(batch["meta"])
        for label, meta in zip(batch["label"], batch["meta"]):
            assert isinstance(label, np.ndarray) and label.shape == meta["size"] == sizes[meta["index"]]
            assert (label == meta["index"] % 3).all()
            assert meta["trans_info"] == [("resize", label.shape)]
    assert list(batches[1]["image"].shape) == [1, 3, 72, 48]
    assert list(restore(batches[1]["image"], batches[1]["meta"][0]["trans_info"]).shape) == [1, 3, 30, 20]


def test_evaluation_in_shards_and_without_labels():
    dataset = scenes(mode="val", num_samples=7, transforms=[])
    parts = [
        [m["index"] for b in eval_batches(dataset, batch_size=2, rank=r, world_size=3) for m in b["meta"]]
        for r in range(3)
    ]
    assert parts == [[0, 3, 6], [1, 4], [2, 5]]
    assert all("label" not in b for b in eval_batches(scenes(mode="test", num_samples=2, transforms=[])))


def test_camvid_batches(camvid):
    dataset = DATASETS.build(
        {
            "type": "CamVid",
            "dataset_root": str(camvid),
            "transforms": [
                {"type": "RandomPaddingCrop", "crop_size": [240, 180]},
                {"type": "RandomDistort"},
                {"type": "Normalize"},
            ],
        }
    )
    schedule = BatchSampler(len(dataset), 4, seed=0)
    here, there = (train_batches(dataset, schedule, seed=0, stop_iter=2, num_workers=w) for w in (0, WORKERS[-1]))
    equal(arrays(here), arrays(there))
