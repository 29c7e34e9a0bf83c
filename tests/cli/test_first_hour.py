"""What a newcomer gets wrong in the first hour: each mistake is answered by what was meant."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "interop" / "prepare"))

from annotated import picture

from paddleseg_lite import runtime
from paddleseg_lite.cli import program
from paddleseg_lite.errors import ConfigError

SMALL = [
    "--batch_size", 2, "--no_vdl", "--opts", "train_dataset.num_samples=4", "val_dataset.num_samples=2",
    "train_dataset.size=[32,32]", "val_dataset.size=[32,32]", "model.base_channels=4",
]  # fmt: skip


@pytest.mark.parametrize(
    "name, arguments, answer",
    [
        ("train", ["--lr", 0.1], "there is no flag --lr. Did you mean '--learning_rate'?"),
        ("train", ["--batch-size", 2], "there is no flag --batch-size. Did you mean '--batch_size'?"),
        ("train", ["--workers", 2], "Did you mean '--num_workers'?"),
        ("train", ["--output", "x"], "Did you mean '--save_dir'?"),
        ("val", ["--weights", "x"], "--model_path is missing; example: "),
        ("val", ["--model_path", "x", "--checkpoint", "y"], "Did you mean '--model_path'?"),
        ("infer", ["--model_path", "x"], "--image_path is missing; example: python tools/infer.py --model_path"),
        ("train", ["unet/unet_scenes"], "'unet/unet_scenes' stands behind no flag. Did you mean '--config unet/"),
        ("train", ["photos"], "'photos' stands behind no flag. Did you mean '--data photos'?"),
        ("train", ["--iters", "ten"], "--iters takes a whole number, not 'ten'."),
        ("val", ["--model_path", "x", "--scales", "0.75,1.0"], "--scales takes a number, not '0.75,1.0'."),
        ("train", ["--iters", 3, "--epochs", 3], "--iters goes without --epochs"),
        ("prepare", ["labelm"], "Did you mean 'labelme'?"),
        ("export", ["--model_path", "x", "--format", "onx"], "Did you mean 'onnx'?"),
        ("train", ["--config", "unet"], "Recipes of that network: unet/"),
        ("train", ["--config", "SegNet"], "Recipes of that network: segnet/"),
        ("train", ["--config", "recipes"], "is a folder: a recipe is a YAML file. In it are recipes/mine.yml."),
        ("infer", ["--model_path", "quick_strt", "--image_path", "x"], "Did you mean 'quick_start'?"),
        ("val", ["--model_path", "output/unet_scens"], "Did you mean 'output/unet_scenes'?"),
        ("train", ["--data", "photos"], "Pictures alone are not enough"),
        ("train", ["--data", "photos/p0.png"], "is a file, not a folder: name the folder that it is in"),
        (
            "train",
            ["--opts", "pretrained=output/unet_scenes"],
            "Weights to begin with are model: {pretrained: output/run}",
        ),
        ("train", ["--data", "masks"], "A label has the name of its picture"),
        ("train", ["--resume_model", "nothing"], "--resume_model nothing: there is no such checkpoint folder"),
        ("train", ["--data", "empty"], "empty has 0 pictures and 0 JSON files"),
    ],
)
def test_a_mistake_is_answered_by_what_was_meant(tmp_path, monkeypatch, capsys, tool, name, arguments, answer):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"tools/{name}.py"])
    for folder in ("photos", "empty", "masks", "recipes", "output/unet_scenes"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "recipes" / "mine.yml").write_text("model: {type: UNet}\n")
    for i in range(3):
        picture(tmp_path / "photos" / f"p{i}.png", 40, 60, seed=i)
        picture(tmp_path / "masks" / f"p{i}_mask.png", 40, 60, seed=i)
    status, _, err = tool(name, *arguments)
    assert status == 2 and answer in " ".join(err.split())
    assert len(err.splitlines()) == 1 and not (tmp_path / "output" / "empty").exists()
    assert not (tmp_path / "train.log").exists()


@pytest.mark.parametrize("flag, meant", [("--verison", "--version"), ("--hepl", "--help")])
def test_the_program_itself_has_two_flags(capsys, flag, meant):
    with pytest.raises(SystemExit) as end:
        program([flag])
    assert end.value.code == 2 and f"no flag '{flag}'. Did you mean '{meant}'?" in capsys.readouterr().err
    program(["-V"])
    assert capsys.readouterr().out.startswith("paddleseg_lite ")


def test_each_tool_ends_with_the_next_command(tmp_path, monkeypatch, tool):
    """And that command is one that works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tools/train.py"])
    (tmp_path / "my_photos").mkdir()
    picture(tmp_path / "my_photos" / "a.png", 40, 60, seed=1)

    def following(out):
        line = out.rstrip().splitlines()[-1]
        assert line.startswith("next: python tools/"), line
        return line.split()[2].partition("/")[2][:-3], line.split()[3:]

    status, out, err = tool("train", "--iters", 2, *SMALL)
    assert status == 0, err
    name, arguments = following(out)
    assert (name, arguments[-1]) == ("val", "output/unet_scenes/report")
    status, out, err = tool(name, *arguments)
    assert status == 0 and Path("output/unet_scenes/report/index.html").is_file(), err
    name, arguments = following(out)
    status, out, err = tool(name, *arguments, "--engine", "dygraph")
    assert status == 0 and Path("output/infer/added_prediction/a.png").is_file(), err
    status, out, err = tool("export", "--model_path", "output/unet_scenes", "--format", "static")
    assert status == 0 and "next: python -c " in out.splitlines()[-1] and "output/export" in out, err


def test_without_validation_the_next_command_is_a_prediction(tmp_path, monkeypatch, tool):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tools/train.py"])
    status, out, err = tool("train", "--iters", 2, "--no_eval", *SMALL, "val_dataset=null")
    assert status == 0, err
    assert out.splitlines()[-1].startswith("next: python tools/infer.py --model_path output/unet_scenes --image_path")
    assert "best mIoU" not in out


def test_a_run_folder_is_resumed_from_its_newest_checkpoint(tmp_path, tool):
    run = tmp_path / "run"
    assert tool("train", "--iters", 2, "--save_dir", run, *SMALL)[0] == 0
    status, out, err = tool("train", "--resume_model", run, "--iters", 3, "--no_vdl")
    assert status == 0 and "iter 3/3" in out and (run / "iter_3").is_dir(), err


def test_a_recipe_anywhere_finds_the_bases_that_come_along(root, tmp_path):
    from paddleseg_lite.config import load_config
    from paddleseg_lite.config.reading import recipe_files

    text = "_base_: {base}\nmodel: {{type: UNet}}\ntrain_dataset: {{type: Scenes}}\n"
    own = tmp_path / "mine.yml"
    own.write_text(text.format(base="_base_/schedules/adam_cpu.yml"))
    assert load_config(own).optimizer["type"] and (root / "configs/_base_/schedules/adam_cpu.yml") in recipe_files(own)
    (tmp_path / "_base_" / "schedules").mkdir(parents=True)
    (tmp_path / "_base_" / "schedules" / "adam_cpu.yml").write_text("iters: 77\n")
    assert load_config(own).iters == 77  # what is beside it comes first
    own.write_text(text.format(base="_base_/schedules/adam.yml"))
    with pytest.raises(ConfigError, match=r"adam\.yml' does not exist.* Did you mean 'adam_cpu\.yml'"):
        load_config(own)


def test_threads_that_were_asked_for_are_no_oversight(monkeypatch):
    monkeypatch.setattr(runtime, "available_cores", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(runtime, "_set_here", [None])
    assert runtime.threads_left_unused()  # a stray variable
    monkeypatch.setattr(runtime, "_set_here", ["1"])
    assert not runtime.threads_left_unused()  # --threads 1


def test_completion_works_in_bash(root):
    """bash itself offers the flags that begin so."""
    script = (
        "source <(python -m paddleseg_lite completion bash); COMP_WORDS=(paddleseg-lite train --mi); COMP_CWORD=2; "
        "_shtab_paddleseg_lite; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=root, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}
    )
    assert done.stdout.split() == ["--minutes"], done.stderr
