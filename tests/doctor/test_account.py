"""The doctor's facts as text."""

import pytest

from paddleseg_lite.doctor.account import BAR, account, bar, duration, examine_largest
from paddleseg_lite.doctor.findings import Diagnosis
from paddleseg_lite.language import columns

FACTS = {
    "train_images": 1200,
    "val_images": 30,
    "channels": 3,
    "train_sizes": {"480x360": 900, "360x480": 200, "640x480": 60, "100x100": 20, "90x90": 20},
    "train_census": {
        "share": {"background": 0.75, "人行道": 0.25, "bird": 0.0},
        "images_with": {"background": 1200, "人行道": 40, "bird": 0},
        "ignored_share": 0.125,
        "suggested_weights": {"background": 1.7, "人行道": 4.2, "bird": 50.5},
    },
    "val_census": {"share": {"background": 0.5, "人行道": 0.5, "bird": 0.0}},
    "step_memory_mb": 812,
    "available_mb": 9311,
    "step_seconds": 0.5,
    "iterations": 3000,
    "cores": 2,
    "threads": 2,
}


def test_every_fact_has_its_line():
    text = account(FACTS)
    assert "1,200 to train on, 30 to validate" in text
    assert "480x360 (900), 360x480 (200), 640x480 (60), and 2 other sizes" in text
    assert "812 MiB, 9,311 MiB are free" in text and "0.50 s x 3,000 iterations = 25 min" in text
    assert "enet would be [1.7, 4.2, 50.5]" in text and "ignored: 12.5 %" in text
    rows = [line for line in text.splitlines() if line.startswith(("  background", "  人行道", "  bird"))]
    assert len({columns(row) for row in rows}) == 1 and "75.0 %   50.0 %" in rows[0]  # under each other
    assert [row.count("█") for row in rows] == [18, 6, 0]


def test_what_was_not_looked_at_is_left_out():
    assert account({}) == ""
    assert account({"train_images": 4, "val_images": 0}).splitlines() == ["pictures      4 to train on, 0 to validate"]


def test_bars_and_times():
    assert bar(0) == " " * BAR and bar(1) == bar(2) == "█" * BAR and bar(1e-9).strip() == "▏"
    assert [duration(s) for s in (40, 600, 9000, 1e6)] == ["40 s", "10 min", "2.5 h", "11.6 days"]


@pytest.mark.parametrize("share, weighted, told", [(0.94, False, True), (0.94, True, True), (0.8, False, False)])
def test_nearly_everything_is_background(share, weighted, told):
    diagnosis = Diagnosis()
    examine_largest(diagnosis, {"background": share, "crack": 1 - share}, weighted=weighted)
    assert bool(diagnosis.findings) is told
    if told:
        (finding,) = diagnosis.findings
        assert "94 % of the training pixels are background" in finding.what and diagnosis.ok
        assert ("class_weights=enet" in finding.fix) is not weighted


def test_the_tool_shows_facts(tool, tmp_path):
    import numpy as np

    from paddleseg_lite.data import write_png

    for part in ("train", "val"):
        for i in range(2):
            label = np.zeros((32, 48), np.uint8)
            label[:2] = 1
            write_png(
                tmp_path / f"{part}{i}.png",
                np.random.default_rng(i + 2 * (part == "val")).integers(0, 256, (32, 48, 3), np.uint8),
            )
            write_png(tmp_path / f"{part}{i}_id.png", label)
        (tmp_path / f"{part}.txt").write_text("".join(f"{part}{i}.png {part}{i}_id.png\n" for i in range(2)))
    common = f"type: Dataset, dataset_root: {tmp_path}, num_classes: 2, class_names: [background, crack]"
    (tmp_path / "r.yml").write_text(
        "model: {type: UNet, base_channels: 4}\n"
        f"train_dataset: {{{common}, train_path: {tmp_path}/train.txt, mode: train}}\n"
        f"val_dataset: {{{common}, val_path: {tmp_path}/val.txt, mode: val}}\n"
        "iters: 50\n"
    )
    status, out, err = tool("doctor", "--config", tmp_path / "r.yml", "--no_cache")
    assert status == 0, err
    assert "sizes, train  48x32 (2)" in out and "crack" in out and "x 50 iterations" in out
    assert "94 % of the training pixels are background" in out and "rehearsing a training step of 2 pictures" in out
