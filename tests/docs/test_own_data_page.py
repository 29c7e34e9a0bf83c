"""The commands of docs/own_data.md, on folders made for them."""

import json
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from pages import ROOT, commands

sys.path.insert(0, str(ROOT / "tests" / "interop" / "prepare"))

SHORT = "--iters 2 --batch_size 2 --no_vdl --no_doctor --opts lr_scheduler.warmup_iters=0 model.base_channels=4"
PREPARE = [c for c in commands(ROOT / "docs" / "own_data.md") if " prepare" in c or "/prepare" in c]
OTHERS = [c for c in commands(ROOT / "docs" / "own_data.md") if c not in PREPARE]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folders that the page names, in the current one."""
    import test_prepare_cvat
    import test_prepare_labelstudio
    import test_prepare_roboflow
    from folders import LAYOUTS

    monkeypatch.chdir(tmp_path)
    for name in ("labelme", "coco", "yolo"):
        LAYOUTS[name](tmp_path / f"my_{name}")
    test_prepare_labelstudio.export(tmp_path / "my_labelstudio", test_prepare_labelstudio.region())
    (tmp_path / "my_labelstudio" / "ls.json").rename(tmp_path / "my_labelstudio" / "project.json")
    test_prepare_cvat.export(tmp_path / "cvat", test_prepare_cvat.POLYGON.format(z=0))
    with zipfile.ZipFile("my_cvat.zip", "w") as archive:
        for path in (tmp_path / "cvat").rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path / "cvat"))
    test_prepare_roboflow.coco_export(tmp_path / "my_roboflow")
    LAYOUTS["labelme"](tmp_path / "more")
    (tmp_path / "more_photos").mkdir()
    for path in (tmp_path / "more").glob("*.png"):
        path.rename(tmp_path / "more_photos" / path.name)
    return tmp_path


@pytest.mark.parametrize("command", [c for c in PREPARE if " split " not in c], ids=lambda c: c.split()[2])
def test_each_tool_has_its_line(folders, tool, command):
    status, out, err = tool("prepare", *shlex.split(command)[2:])
    assert status == 0 and "annotations used" in out and (folders / "data" / "mine" / "recipe.yml").is_file(), err


def copy(pattern, folder):
    """``cp PATTERN FOLDER``."""
    for path in Path().glob(pattern):
        shutil.copy(path, folder)


def test_the_rest_of_the_page(folders, tool):
    first, split = PREPARE[0], next(c for c in PREPARE if " split " in c)
    assert tool("prepare", *shlex.split(first)[2:])[0] == 0
    status, _, err = tool("prepare", *shlex.split(split)[2:])
    assert status == 0, err
    for command in OTHERS:
        if command.startswith("cp "):
            copy(*command.split()[1:])
            continue
        if command.startswith("labelme "):  # by hand: one shape in each picture
            for path in sorted((folders / command.split()[1]).glob("*.json")):
                shape = json.loads((folders / "my_labelme" / path.name).read_text(encoding="utf-8"))["shapes"]
                document = json.loads(path.read_text(encoding="utf-8"))
                path.write_text(json.dumps({**document, "shapes": shape}), encoding="utf-8")
            continue
        name, *own = command.split()[1:]
        own = [a for a in own if a != "--minutes" and not a.isdigit()] if "--minutes" in own else own
        name = name.rpartition("/")[2][:-3]
        status, _, err = tool(name, *own, *(shlex.split(SHORT) if name == "train" else []))
        assert status == 0, f"{command}: {err}"
    assert (folders / "output" / "my_labelme" / "data" / "preview.png").is_file()
    assert json.loads((folders / "output" / "mine" / "env.json").read_text())
    shutil.rmtree(folders / "output")
