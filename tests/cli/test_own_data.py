"""``train --data FOLDER``: from a folder as people have it to a trained run."""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "interop" / "prepare"))

from folders import LAYOUTS

QUICK = ["--iters", 2, "--batch_size", 2, "--no_vdl", "--no_doctor"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_is_trained_on(tmp_path, tool, name):
    LAYOUTS[name](tmp_path / "in")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "in").rglob("*")}
    run = tmp_path / "run"
    status, out, err = tool(
        "train", "--data", tmp_path / "in", *QUICK, "--save_dir", run, "--opts", "model.base_channels=4"
    )
    assert status == 0, err + out
    assert (run / "best_model" / "model.pdparams").is_file() and "network: UNet" in out
    recipe = yaml.safe_load((run / "recipe.yml").read_text(encoding="utf-8"))
    assert "&id" not in (run / "recipe.yml").read_text(encoding="utf-8")  # people edit it
    assert recipe["iters"] == 2 and recipe["train_dataset"]["mode"] == "train"
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "in").rglob("*")} == before  # nothing in it changed
    status, _, err = tool("val", "--model_path", run)
    assert status == 0, err


@pytest.mark.parametrize("name", ["pictures_and_labels", "yolo"])
def test_what_commands_left_in_the_folder_is_no_data(tmp_path, monkeypatch, tool, name):
    """``--data .`` puts runs and predictions among the pictures; the next training has the same pictures."""
    LAYOUTS[name](tmp_path)
    monkeypatch.chdir(tmp_path)
    seen = []
    for number in ("", "-2", "-3"):
        status, out, err = tool("train", "--data", ".", *QUICK, "--opts", "model.base_channels=4")
        assert status == 0, err
        seen.append(next(line.split("; ")[1] for line in out.splitlines() if "parameters; " in line))
        run = f"output/{tmp_path.name}{number}"
        assert tool("val", "--model_path", run, "--report", "report")[0] == 0
        assert tool("infer", "--model_path", run, "--image_path", "images", "--engine", "dygraph")[0] == 0
    assert seen == ["5 training and 1 validation images"] * 3


def test_minutes_set_the_length(tmp_path, tool, monkeypatch):
    from paddleseg_lite.cli.jobs import own_data

    def rehearsed(diagnosis, config, train):
        diagnosis.facts.update(step_seconds=0.5, loader_seconds_per_batch=0.1)

    monkeypatch.setattr(own_data, "rehearse", rehearsed)
    monkeypatch.setattr("paddleseg_lite.cli.jobs.train.run_training", lambda config, **kwargs: print(config.iters))
    LAYOUTS["labelme"](tmp_path / "in")
    arguments = ["train", "--data", tmp_path / "in", "--save_dir", tmp_path / "run"]
    found = {}
    for minutes in (1, 10):
        status, out, err = tool(*arguments, "--minutes", minutes)
        assert status == 0, err
        found[minutes] = int(out.split()[-1])
        assert f"{found[minutes]} iterations: {minutes} minutes at 0.60 s each" in out
    assert 60 < found[1] <= 100 and 900 < found[10] <= 1000  # of 0.6 s, and some time for validations


def test_a_batch_that_does_not_fit_is_halved(tmp_path, monkeypatch):
    from paddleseg_lite.cli.jobs import own_data
    from paddleseg_lite.interop.prepare.own_recipe import plan_for

    def rehearsed(diagnosis, config, train):
        diagnosis.facts.update(step_seconds=0.5, loader_seconds_per_batch=0.1)
        if config.batch_size > 2:
            diagnosis.add("error", "memory", "too large")

    monkeypatch.setattr(own_data, "rehearse", rehearsed)
    LAYOUTS["labelme"](tmp_path / "in")
    made = plan_for(tmp_path / "in", tmp_path / "run" / "data")
    own_data.fit(made, tmp_path / "run", 60)
    assert made.choice.recipe["batch_size"] == 2 and "do not fit into memory" in " ".join(made.choice.reasons)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--minutes", 5, "--iters", 3], "--minutes goes without --iters"),
        (["--minutes", 5, "--resume_model"], "--minutes is for a new run"),
        (["--data", "x", "--minutes", 5, "--iters", 5], "both say how long"),
        (["--data", "x", "--config", "unet/unet_scenes"], "not with --config"),
        (["--data", "x", "--resume_model"], "not with --resume_model"),
        (["--data", "nothing_here"], "does not exist"),
        (["--data", "x", "--minutes", -1], "--minutes is a number above 0"),
        (["--data", "x", "--minutes", "nan"], "--minutes is a number above 0"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, tool, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    status, _, err = tool("train", *flags)
    assert status == 2 and message in err


def test_several_processes_share_a_recipe(tmp_path, tool, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    LAYOUTS["labelme"](tmp_path / "in")
    status, _, err = tool("train", "--data", tmp_path / "in", "--save_dir", tmp_path / "run")
    assert status == 2 and "in one process" in err


def test_a_folder_without_usable_annotations(tmp_path, tool, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LAYOUTS["yolo"](tmp_path / "in")
    for path in (tmp_path / "in" / "labels").iterdir():
        path.write_text("0 0.5 0.5 0.2 0.2")
    status, _, err = tool("train", "--data", tmp_path / "in")
    assert status == 2 and "6 x a box without polygon" in err
