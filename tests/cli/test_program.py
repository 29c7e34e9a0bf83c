"""The installed program: commands, recipes by name, completion, the schema for editors."""

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

from paddleseg_lite import cli
from paddleseg_lite.config import load_config
from paddleseg_lite.config.json_schema import json_schema
from paddleseg_lite.config.recipes import find_recipe, shipped_recipes
from paddleseg_lite.errors import ConfigError


@pytest.fixture
def call(capsys, monkeypatch):
    """``call("train", "--help")`` -> (status, output, errors)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["paddleseg-lite", *arguments])
        try:
            cli.program()
            status = 0
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return status or 0, captured.out, captured.err

    return run


def test_every_tool_is_a_command(call, root):
    status, out, _ = call()
    assert status == 0 and {p.stem for p in (root / "tools").glob("*.py")} <= set(cli.commands())
    assert all(f"  {name} " in out for name in cli.commands())


@pytest.mark.parametrize("name", cli.commands())
def test_help_has_choices_defaults_and_an_example(call, name):
    status, out, _ = call(name, "--help")
    assert status == 0 and "(default: None)" not in out and "(default: [])" not in out
    assert out.startswith(f"usage: paddleseg-lite {name}") and f"paddleseg-lite {name}" in out.split("example: ")[-1]


def test_what_is_mistyped_gets_its_nearest(call):
    assert call("trian")[::2] == (
        2,
        "error: there is no command 'trian'. Did you mean 'train'? `paddleseg-lite --help` lists them.\n",
    )
    status, out, err = call("train", "--itres", "3")
    assert (status, out) == (2, "") and "no flag --itres. Did you mean '--iters'? `paddleseg-lite train --help`" in err
    status, _, err = call("val", "--model_path", "x", "--engine", "opnvino")
    assert status == 2 and "openvino" in err and "usage" not in err
    status, _, err = call("doctor", "--config", "unet/unet_scene")
    assert status == 2 and "Did you mean 'unet/unet_scenes'?" in err


def test_the_module_is_the_program(root):
    done = subprocess.run(
        [sys.executable, "-m", "paddleseg_lite", "--version"], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("paddleseg_lite ") and done.returncode == 0


def test_recipes_are_found_by_name(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = root / "configs" / "enet" / "enet_scenes.yml"
    for name in ("enet/enet_scenes", "enet_scenes", "configs/enet/enet_scenes.yml", "enet/enet_scenes.yml"):
        assert find_recipe(name) == file
    assert load_config("enet_scenes").model["type"] == "ENet"
    (tmp_path / "enet_scenes.yml").write_text("model: {type: UNet}\n")
    assert load_config("enet_scenes.yml").model["type"] == "UNet"  # what is here comes first
    with pytest.raises(ConfigError, match=r"no recipe has that name\. Did you mean 'enet/enet_scenes'"):
        load_config("enet/enet_scene")
    assert "_base_/datasets/camvid" not in shipped_recipes() and "quick_start/unet_scenes" in shipped_recipes()


def test_completion_knows_commands_and_flags(call):
    status, out, _ = call("completion", "bash")
    assert status == 0 and "--model_path" in out and all(name in out for name in cli.commands())
    backends = "_infer___backend_choices=(auto dygraph onnxruntime openvino static)"
    assert backends in out.replace("'", "")  # quoted or not, as shtab's version has it


def test_schema_accepts_every_recipe_and_finds_mistakes(root, call):
    """As an editor sees them: each file by itself, whatever it is based on."""
    status, out, _ = call("schema")
    schema = json.loads(out[out.index("{") :])
    assert status == 0 and schema == json.loads(json.dumps(json_schema()))
    check = jsonschema.Draft202012Validator(schema)
    files = [p for p in (root / "configs").rglob("*.yml") if p.parent.name != "ablation"]
    assert len(files) > 50
    for path in files:
        errors = [e.message for e in check.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))]
        assert not errors, (path, errors[:3])
    for wrong in (
        {"model": {"type": "UNett"}},
        {"model": {"type": "UNet", "base_chanels": 4}},
        {"batch_size": 0},
        {"itres": 3},
        {"precision": "fp8"},
        {"train_dataset": {"type": "CamVid", "transforms": [{"type": "Normalise"}]}},
    ):
        assert not check.is_valid(wrong), wrong
