"""The doctor finds each planted fault, in data and machine, and is quick about it."""

import json
import time

import broken
import numpy as np
import pytest
import yaml

from paddleseg_lite.config import parse_config
from paddleseg_lite.data.building import build_dataset
from paddleseg_lite.data.datasets import CamVid
from paddleseg_lite.doctor import diagnose, machine, pairs, rehearsal

SCENES = {"type": "Scenes", "num_samples": 11, "size": [64, 48], "num_classes": 8, "mode": "val"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["scenes", "camvid"])
def copy(request, tmp_path):
    """``(folder, num_classes)`` of a good copy of a few images."""
    if request.param == "camvid":
        source = CamVid(dataset_root=str(request.getfixturevalue("camvid")), mode="train")
        wanted = [i * 30 for i in range(11)]
    else:
        source, wanted = build_dataset(SCENES, mode="val"), range(11)
    samples = [source.load(i) for i in wanted]
    broken.good_copy(tmp_path / "data", [(s["image"], s["label"]) for s in samples])
    return tmp_path / "data", source.num_classes


def found(diagnosis, level, *parts):
    return [f for f in diagnosis.findings if f.level == level and all(p in f"{f.what} {f.fix}" for p in parts)]


counts_memory = pytest.mark.skipif(
    rehearsal.peak_of(lambda: None) is None, reason="this Paddle does not count the memory it allocates"
)


@counts_memory
def test_a_good_copy_has_no_errors(copy):
    diagnosis = diagnose(broken.recipe(*copy))
    assert diagnosis.ok, diagnosis.text()
    facts = diagnosis.facts
    assert (facts["train_images"], facts["val_images"]) == (broken.TRAIN, broken.VAL)
    assert sum(facts["train_census"]["share"].values()) == pytest.approx(1)
    assert facts["step_seconds"] > 0 and facts["step_memory_mb"] >= 0 and facts["crop"] == [32, 32]
    assert 0.2 * facts["chance_loss"] < facts["first_loss"] < 5 * facts["chance_loss"]


def test_each_planted_fault_is_found(copy):
    folder, num_classes = copy
    broken.spoil(folder)
    diagnosis = diagnose(broken.recipe(folder, num_classes, batch_size=16))
    text = diagnosis.text()
    assert not diagnosis.ok and diagnosis.verdict.startswith("NOT READY")
    assert found(diagnosis, "error", "t0_label.png is", "but image", "make the label again"), text
    for name in ("t1", "t2", "t3", "t4", "t5", "t6"):
        level, what, fix = broken.PLANTED[name]
        assert found(diagnosis, level, f"{name}", what, fix), f"{name}\n{text}"
    assert found(diagnosis, "error", "1 validation images are also training images", "v0.png", "t7.png"), text
    assert found(diagnosis, "warning", "train never shows", f"class_{broken.ABSENT}", "but val scores them"), text
    weights = diagnosis.facts["train_census"]["suggested_weights"]
    rare = found(diagnosis, "warning", f"class_{broken.RARE}", "less than 0.1 %", "class_weights=enet")
    assert rare and f"class_{broken.RARE} {weights[f'class_{broken.RARE}']:.1f}" in rare[0].fix, text
    assert max(weights.values()) == pytest.approx(1 / np.log(1.02), rel=1e-3)
    assert found(diagnosis, "warning", "8 training images are fewer than a batch of 16", "lower batch_size"), text
    levels = [f.level for f in diagnosis.findings]
    assert levels == sorted(levels, key=("error", "warning", "info").index)  # most important first
    assert all(f.fix for f in diagnosis.findings if f.level != "info" and "more files" not in f.what)


def test_camvid_itself_is_ready(camvid):
    tree = yaml.safe_load("{model: {type: UNet, base_channels: 4}, batch_size: 2, iters: 2, cpu_accel: 'off'}")
    for name in ("train", "val"):
        tree[f"{name}_dataset"] = {
            "type": "CamVid",
            "dataset_root": str(camvid),
            "mode": name,
            "transforms": [{"type": "Resize", "target_size": [64, 48]}, {"type": "Normalize"}],
        }
    diagnosis = diagnose(parse_config(tree), speed=False)
    assert diagnosis.ok, diagnosis.text()
    assert (diagnosis.facts["train_images"], diagnosis.facts["val_images"]) == (367, 101)
    shares = diagnosis.facts["train_census"]["share"]
    assert max(shares, key=shares.get) in ("road", "building") and min(shares.values()) > 0


def scenes(**changes):
    split = {**SCENES, "size": [32, 32], "transforms": [{"type": "Normalize"}]}
    return parse_config(
        {
            "model": {"type": "UNet", "base_channels": 4},
            "train_dataset": {**split, "mode": "train"},
            "val_dataset": split,
            "batch_size": 4,
            "iters": 2,
            "cpu_accel": "off",
            **changes,
        }
    )


@counts_memory
def test_little_memory_ends_it_before_the_whole_batch(monkeypatch):
    monkeypatch.setattr(rehearsal, "free_bytes", lambda: 1 << 20)
    diagnosis = diagnose(scenes())
    assert found(diagnosis, "error", "a step of 4 takes about", "1 MiB are free", "lower batch_size"), diagnosis.text()
    assert "step_seconds" not in diagnosis.facts  # the full step was not tried


@counts_memory
def test_little_memory_in_half_precision_is_a_warning(monkeypatch):
    """The rehearsal is in fp32, a GPU would train in half of it."""
    monkeypatch.setattr(rehearsal, "free_for_step", lambda: 1 << 20)
    monkeypatch.setattr("paddle.get_device", lambda: "gpu:0")
    diagnosis = diagnose(scenes(precision="bf16"))
    assert found(diagnosis, "warning", "a step of 4 takes about", "measured in fp32; bf16 takes less"), diagnosis.text()
    assert not [f for f in diagnosis.findings if f.level == "error"], diagnosis.text()
    assert found(diagnose(scenes()), "error", "a step of 4 takes about")


@counts_memory
def test_the_estimate_is_near_the_truth():
    """The peak of a whole step lies within a factor of two of what two samples foretell."""
    import paddle

    from paddleseg_lite.data import BatchSampler, train_batches
    from paddleseg_lite.data.building import build_datasets
    from paddleseg_lite.training.building import build_loss, build_network

    config = scenes(batch_size=8, model={"type": "UNet", "base_channels": 16})
    estimate = diagnose(config, speed=False).facts["step_memory_mb"]
    train, _ = build_datasets(config)
    model = build_network(config, train.num_classes)
    criterion = build_loss(config, train, model)
    batch = next(iter(train_batches(train, BatchSampler(len(train), 8, seed=0), seed=0, stop_iter=1)))
    model.train()
    peak = rehearsal.peak_of(lambda: criterion(model(batch["image"]), batch)[0].backward())
    assert peak is not None and paddle.get_device() == "cpu"
    assert 0.5 * peak < estimate * 2**20 < 2 * peak + 8 * 4 * sum(int(p.size) for p in model.parameters())


@pytest.mark.parametrize("free, level", [(10 << 10, "error"), (1 << 40, None)])
def test_small_shared_memory(monkeypatch, free, level):
    usage = type("usage", (), {"free": free})
    monkeypatch.setattr(machine, "why_no_workers", lambda: None)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: usage)
    diagnosis = diagnose(scenes(num_workers=2), speed=False)
    hits = found(diagnosis, "error", "/dev/shm", "--shm-size", "--num_workers")
    assert bool(hits) == (level is not None), diagnosis.text()


def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: type("usage", (), {"free": 5 << 20}))
    assert found(diagnose(scenes(), dry_run=False), "warning", "only 5 MiB of disk are free", "free some space")


@pytest.mark.parametrize(
    "busy, threads, advice", [(1.1, 4, "--threads 3"), (2.9, 2, "--threads 1"), (1.1, 3, ""), (0.3, 4, "")]
)
def test_cores_that_others_use_are_told(monkeypatch, busy, threads, advice):
    monkeypatch.setattr(machine, "cores_busy_elsewhere", lambda: busy)
    monkeypatch.setattr(machine, "available_cores", lambda: 4)
    monkeypatch.setattr(machine, "threads_in_force", lambda: threads)
    monkeypatch.setattr(machine, "threads_left_unused", lambda: False)
    hits = found(diagnose(scenes(), dry_run=False), "info", "of 4 cores are busy with other work", advice)
    assert bool(hits) == bool(advice)


def test_a_slow_loader_gets_advice(monkeypatch):
    from paddleseg_lite.data.datasets.base import SegDataset

    fast = SegDataset.get

    def slow(self, index, rng=None):
        time.sleep(0.05)
        return fast(self, index, rng)

    monkeypatch.setattr(SegDataset, "get", slow)
    diagnosis = diagnose(scenes())
    assert found(diagnosis, "info", "loading takes", "--num_workers"), diagnosis.text()
    assert diagnosis.facts["suggested_num_workers"] >= 1 and diagnosis.facts["loader_seconds_per_batch"] > 0.15


@pytest.mark.parametrize(
    "batch, step, cores, workers",
    [(0.01, 1.0, 8, 0), (0.5, 1.0, 8, 1), (3.0, 1.0, 8, 3), (99, 1.0, 4, 3), (99, 1.0, 64, 8), (5, 1, 1, 1)],
)
def test_suggested_workers(monkeypatch, batch, step, cores, workers):
    monkeypatch.setattr(rehearsal.os, "cpu_count", lambda: cores)
    assert rehearsal.suggested_workers(batch, step) == workers


def test_a_first_loss_that_is_not_finite():
    transforms = [{"type": "Normalize", "mean": [0.5] * 3, "std": [1e-42] * 3}]
    config = scenes()
    config.train_dataset["transforms"] = transforms
    diagnosis = diagnose(config, speed=False)
    assert found(diagnosis, "error", "the first step gives loss", "check the images"), diagnosis.text()
    assert found(diagnosis, "error", "not finite", "Normalize's std")


def test_what_was_read_once_comes_from_the_cache_until_it_changes(tmp_path, monkeypatch):
    folder, rng = tmp_path / "many", np.random.default_rng(0)
    folder.mkdir()
    for i in range(100):
        broken.write(folder / f"{i}.jpg", rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
        broken.write(folder / f"{i}_label.png", rng.integers(0, 3, (48, 64), dtype=np.uint8))
    lines = [f"{i}.jpg {i}_label.png\n" for i in range(100)]
    (folder / "train.txt").write_text("".join(lines[:90]), encoding="utf-8")
    (folder / "val.txt").write_text("".join(lines[90:]), encoding="utf-8")
    config = broken.recipe(folder, 3, crop=(64, 48))
    read, look = [], pairs._look
    monkeypatch.setattr(pairs, "_look", lambda *pair: read.append(pair[0]) or look(*pair))
    first = diagnose(config, dry_run=False)
    assert first.ok and len(read) == 100, first.text()
    second = diagnose(config, dry_run=False)
    assert len(read) == 100  # none again
    for diagnosis in (first, second):
        del diagnosis.facts["disk_free_mb"]  # other programs write too
    assert second.facts == first.facts
    broken.write(folder / "7_label.png", np.full((48, 64), 9, np.uint8))
    again = diagnose(config, dry_run=False)
    assert len(read) == 101
    assert found(again, "error", "id 9 in 1 label files", "7_label.png")  # the cache knows files by size and time


def test_json(tool, copy, tmp_path):
    folder, num_classes = copy
    broken.spoil(folder)
    path = tmp_path / "recipe.yml"
    path.write_text(broken.recipe(folder, num_classes).to_yaml(), encoding="utf-8")
    status, out, _ = tool("doctor", "--config", path, "--json", tmp_path / "d.json")
    content = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert status == 2 and out.splitlines()[-1].startswith("verdict: NOT READY")
    assert set(content) == {"ok", "verdict", "seconds", "facts", "findings"} and content["ok"] is False
    assert {"level", "topic", "what", "fix"} == set(content["findings"][0]) and content["findings"][0]["fix"]
    assert set(content["facts"]["train_census"]) == {"share", "images_with", "ignored_share", "suggested_weights"}


def test_json_makes_its_folder_before_anything_is_examined(tool, tmp_path, monkeypatch):
    from paddleseg_lite import doctor

    path = tmp_path / "recipe.yml"
    path.write_text(scenes().to_yaml(), encoding="utf-8")
    flags = ("--config", path, "--no_dry_run", "--json")
    assert tool("doctor", *flags, tmp_path / "new" / "folder" / "d.json")[0] == 0
    assert json.loads((tmp_path / "new" / "folder" / "d.json").read_text(encoding="utf-8"))["ok"]
    monkeypatch.setattr(doctor, "diagnose", lambda *_, **__: pytest.fail("examined"))
    status, _, told = tool("doctor", *flags, path / "d.json")
    assert status == 2 and "cannot write to the output folder" in told and "--json" in told


@pytest.mark.parametrize("name, label_map, told", [("tif", {}, True), ("tif", {255: 1}, False), ("png", {}, False)])
def test_masks_of_0_and_255_are_told(tmp_path, name, label_map, told):
    """8-bit masks: their foreground would be ignored."""
    for i in range(4):
        broken.write(tmp_path / f"{i}.png", np.full((32, 32, 3), 40 * i, np.uint8))
        mask = np.zeros((32, 32), np.uint8)
        mask[8:20] = 255
        broken.write(tmp_path / f"{i}_label.{name}", mask)
    for split, ids in (("train", (0, 1)), ("val", (2, 3))):
        (tmp_path / f"{split}.txt").write_text("".join(f"{i}.png {i}_label.{name}\n" for i in ids), encoding="utf-8")
    config = broken.recipe(tmp_path, 2)
    for split in (config.train_dataset, config.val_dataset):
        split["label_map"] = label_map
    diagnosis = diagnose(config, dry_run=False)
    hits = found(diagnosis, "warning", "2 labels hold only 0 and 255", "0_label.tif", "label_map: {255: 1}")
    assert bool(hits) == told, diagnosis.text()
