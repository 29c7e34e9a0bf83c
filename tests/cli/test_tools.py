"""The tools from end to end: train, validate, infer, compare; and what they say to bad input."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from paddleseg_lite.cli.jobs.train import run_folder as run_folder_of
from paddleseg_lite.data import read_image, read_label
from paddleseg_lite.training.run_lock import RunIsBusy

SMALL = ["model.base_channels=4", "train_dataset.num_samples=8", "val_dataset.num_samples=3"]
SIZES = ["train_dataset.size=[32,32]", "val_dataset.size=[32,32]", "lr_scheduler.warmup_iters=0"]


@pytest.fixture(scope="module")
def run_folder(root, tmp_path_factory):
    """A run made by the command line, as a user would."""
    folder = tmp_path_factory.mktemp("tools") / "run"
    command = [
        sys.executable,
        str(root / "tools" / "train.py"),
        "--iters",
        "4",
        "--batch_size",
        "2",
        "--save_dir",
        str(folder),
        "--save_interval",
        "2",
        "--log_iters",
        "1",
        "--opts",
        *SMALL,
        *SIZES,
    ]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return folder


def test_a_run_folder_explains_itself(run_folder):
    names = {p.name for p in run_folder.iterdir()}
    assert {"config.yml", "env.json", "metrics.jsonl", "vdl", "best_model", "iter_2", "iter_4", "samples"} <= names
    environment = json.loads((run_folder / "env.json").read_text())
    assert environment["device"] == "cpu" and environment["threads"] >= 1
    records = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    assert [r["iter"] for r in records if r["kind"] == "train"] == [1, 2, 3, 4]
    assert [r["iter"] for r in records if r["kind"] == "eval"] == [2, 4]
    assert all(np.isfinite(r["grad_norm"]) and r["grad_norm"] > 0 for r in records if r["kind"] == "train")
    pictures = sorted(p.name for p in (run_folder / "samples").iterdir())
    assert pictures == ["iter_000002.png", "iter_000004.png", "training_batch.png"]
    assert all(record["time"][:2] == "20" for record in records)
    log = (run_folder / "train.log").read_text(encoding="utf-8").splitlines()
    assert any(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d INFO \[EVAL\] iter 4", line) for line in log)
    with open(run_folder / "results.csv", newline="", encoding="utf-8-sig") as f:
        rows = list(csv.DictReader(f))
    assert [row["iter"] for row in rows] == ["2", "4"] and all(row["train_loss"] and row["lr"] for row in rows)
    evals = [r for r in records if r["kind"] == "eval"]
    assert [float(row["mIoU"]) for row in rows] == [r["mIoU"] for r in evals]
    assert [float(row["IoU sky"]) for row in rows] == [r["classes"]["sky"]["IoU"] for r in evals]
    assert read_image(run_folder / "results.png").shape[1] > 600


def test_visualdl_reads_what_was_logged(run_folder):
    from visualdl import LogReader

    (log,) = (run_folder / "vdl").glob("*.log")
    tags = LogReader(file_path=str(log)).get_tags()
    assert {"train/loss", "train/lr", "train/grad_norm", "val/mIoU", "val_IoU/sky"} <= set(tags["scalar"])
    assert any("sample_0" in tag for tag in tags["image"])


def test_val_repeats_the_score_of_training(run_folder, tool, tmp_path):
    status, out, _ = tool("val", "--model_path", run_folder / "iter_4", "--json", tmp_path / "s.json")
    assert status == 0 and "building" in out
    scores = json.loads((tmp_path / "s.json").read_text())
    last = json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-1])
    assert scores["mIoU"] == pytest.approx(last["mIoU"], abs=1e-6)
    assert scores["loss"] == pytest.approx(last["loss"], abs=1e-6)


def test_val_report(run_folder, tool, tmp_path):
    status, _, _ = tool("val", "--model_path", run_folder, "--report", tmp_path / "r", "--miou_convention", "one")
    assert status == 0
    page = (tmp_path / "r" / "index.html").read_text()
    assert "absent classes (convention)</td><td>one" in page and "boundary F1" in page
    assert (tmp_path / "r" / "per_image.csv").read_text().count("\n") == 4
    assert len(list((tmp_path / "r" / "worst").iterdir())) == 3
    scores = json.loads((tmp_path / "r" / "scores.json").read_text())
    low, high = scores["mIoU_interval_95"]
    assert low <= scores["mIoU"] <= high and 0 <= scores["ECE"] <= 1


def test_compare_a_run_with_itself_finds_nothing(run_folder, tool, tmp_path):
    status, out, _ = tool("compare", run_folder / "iter_4", run_folder / "iter_4", "--save_dir", tmp_path / "c")
    assert status == 0 and "no evidence of a difference" in out
    content = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert content["difference"] == 0 and content["config_differences"] == {}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "día").mkdir(parents=True)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (40, 52, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png", "día/ü.png"):
        cv2.imencode(os.path.splitext(name)[1], picture)[1].tofile(str(folder / name))
    (folder / "notes.md").write_text("not an image")
    return folder


def test_infer_folder_keeps_names_and_subfolders(run_folder, tool, photos, tmp_path):
    out_dir = tmp_path / "out"
    status, _, _ = tool("infer", "--model_path", run_folder, "--image_path", photos, "--save_dir", out_dir)
    assert status == 0
    for kind in ("added_prediction", "pseudo_color_prediction", "id_prediction"):
        names = sorted(p.relative_to(out_dir / kind).as_posix() for p in (out_dir / kind).rglob("*.png"))
        assert names == ["a.jpg.png", "a.png.png", "día/ü.png"]
    ids = read_label(out_dir / "id_prediction" / "día" / "ü.png")
    assert ids.shape == (40, 52) and ids.max() < 8
    np.testing.assert_array_equal(read_label(out_dir / "pseudo_color_prediction" / "día" / "ü.png"), ids)
    assert read_image(out_dir / "legend.png").shape[2] == 3


def test_infer_goes_on_past_broken_files(run_folder, tool, photos, tmp_path):
    whole = (photos / "a.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.jpg").write_bytes(b"")
    status, out, _ = tool("infer", "--model_path", run_folder, "--image_path", photos, "--save_dir", tmp_path / "out")
    assert status == 1
    assert "2 of 5 files could not be read" in out and "cut.png" in out and "empty.jpg" in out
    assert len(list((tmp_path / "out" / "id_prediction").rglob("*.png"))) == 3


def test_infer_list_glob_and_single_image(run_folder, tool, photos, tmp_path):
    (photos / "list.txt").write_text("\ufeffa.jpg\ndía/ü.png\n", encoding="utf-8")
    for pattern, count in ((photos / "list.txt", 2), (f"{photos}/*.png", 1), (photos / "a.jpg", 1)):
        target = tmp_path / str(count) / os.path.basename(str(pattern)).replace("*", "x")
        assert tool("infer", "--model_path", run_folder, "--image_path", pattern, "--save_dir", target)[0] == 0
        assert len(list((target / "id_prediction").rglob("*.png"))) == count


def test_custom_colours_reach_the_palette(run_folder, tool, photos, tmp_path):
    colors = [(10 * i, 255 - 10 * i, 7) for i in range(8)]
    flat = [v for c in colors for v in c]
    status, _, _ = tool(
        "infer",
        "--model_path",
        run_folder,
        "--image_path",
        photos / "a.png",
        "--save_dir",
        tmp_path,
        "--custom_color",
        *flat,
    )
    assert status == 0
    shown = read_image(tmp_path / "pseudo_color_prediction" / "a.png")
    ids = read_label(tmp_path / "id_prediction" / "a.png")
    np.testing.assert_array_equal(shown, np.asarray(colors, np.uint8)[ids])


def test_a_run_folder_is_not_overwritten_by_accident(run_folder, tool):
    status, _, err = tool("train", "--iters", 2, "--save_dir", run_folder)
    assert status == 2 and "already holds a run" in err and "--resume_model" in err


def test_resume_takes_the_recipe_of_the_run(run_folder, tool, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    shutil.rmtree(run / "iter_4")
    before = (run / "config.yml").read_text(encoding="utf-8")
    status, out, _ = tool("train", "--resume_model", "--save_dir", run)
    assert status == 0 and "resumed from" in out and "iteration 2" in out
    assert (run / "iter_4").is_dir()
    assert (run / "config.yml").read_text(encoding="utf-8") == before
    shutil.rmtree(run / "iter_4")
    assert tool("train", "--resume_model", run / "iter_2")[0] == 0  # the folder follows from the checkpoint
    assert (run / "iter_4").is_dir()


def test_a_resume_that_does_not_fit_leaves_the_recipe_of_the_run(run_folder, tool, root, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    before = (run / "config.yml").read_text(encoding="utf-8")
    other = root / "configs" / "enet" / "enet_scenes.yml"
    status, _, err = tool("train", "--config", other, "--resume_model", "--save_dir", run)
    assert status == 2 and "another network" in err
    assert (run / "config.yml").read_text(encoding="utf-8") == before


def test_a_run_under_way_keeps_its_folder_for_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, lock = run_folder_of(None, "unet", resume=False, overwrite=False)
    second, other = run_folder_of(None, "unet", resume=False, overwrite=False)
    assert lock.held and other.held and second.name == "unet-2"
    for more in ({"resume": True, "overwrite": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(RunIsBusy, match="is training in output/unet, and a run folder takes one run at a time"):
            run_folder_of(None, "unet", **more)
        with pytest.raises(RunIsBusy):
            run_folder_of(str(first), "unet", **more)
    lock.release()
    (first / "metrics.jsonl").touch()  # it was killed before its first checkpoint
    assert run_folder_of(None, "unet", resume=False, overwrite=False)[0].name == "unet-3"
    assert run_folder_of(None, "unet", resume=True, overwrite=False)[0] == first


BAD_CALLS = [
    ("val --model_path nowhere", "nowhere does not exist"),
    ("train --config nowhere.yml", "config file 'nowhere.yml' does not exist"),
    ("train --opts modle.type=UNet", "unknown key 'modle'. Did you mean 'model'"),
    ("train --opts model.type=UNett", "Did you mean 'UNet'"),
    ("train --device gpu", "--device cpu"),
    ("train --opts train_dataset.num_classes=12", "6 to 10"),
    ("train --opts model.num_classes=3", "model.num_classes is 3 but the dataset has 8"),
    ("train --seed -1", "seed"),
    ("train --batch_size 0", "batch_size must be at least 1"),
    ("train --import nowhere.py", "--import nowhere.py: there is no such file"),
    ("train --resume_model --save_dir {tmp}", "no checkpoint to resume"),
    ("train --save_dir {tmp}/file/run", "cannot write to the output folder"),
    ("infer --model_path {run} --image_path {tmp}/none*.png", "no image found"),
    ("infer --model_path {run} --image_path {tmp} --opacity 2", "--opacity must lie between 0 and 1"),
    ("infer --model_path {run} --image_path {tmp} --custom_color 1 2 3", "takes 24 numbers"),
]


@pytest.mark.parametrize("call, message", BAD_CALLS, ids=[c[0][:60] for c in BAD_CALLS])
def test_bad_calls_give_one_message_and_status_2(run_folder, tool, tmp_path, monkeypatch, call, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file where a folder is wanted")
    name, *arguments = call.format(tmp=tmp_path, run=run_folder).split()
    status, _, err = tool(name, *arguments)
    assert status == 2
    assert message in err and "Traceback" not in err
