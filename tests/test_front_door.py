"""The README's commands, installed: each has its form as the program's, and (slow) each runs from the wheel."""

import importlib.util
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def door():
    spec = importlib.util.spec_from_file_location("front_door", ROOT / "benchmarks" / "front_door.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["front_door"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def test_each_command_has_its_installed_form(door):
    for page, _ in door.READMES.values():
        forms = [door.installed(command, whole=True) for command in door.commands(page)]
        programs = [words[1] for words in forms if words]
        assert {"train", "val", "infer", "prepare", "summary"} <= set(programs), page
    assert door.installed("python tools/train.py", whole=True) == ["paddleseg-lite", "train"]
    own = door.installed("python tools/train.py --data my_labelme --minutes 10", whole=True)
    assert own == ["paddleseg-lite", "train", "--iters", "20", "--data", "my_labelme"]
    assert door.installed("python -m pytest", whole=True) is None
    with pytest.raises(ValueError, match="curl x: not known"):
        door.installed("curl x", whole=True)


@pytest.mark.slow
def test_every_command_runs_from_the_wheel_in_an_empty_folder(door, tmp_path):
    rows = door.walk(tmp_path)
    if any("No matching distribution" in row.wrong or "no registry" in row.wrong for row in rows):
        pytest.skip("no registry is in reach")
    assert [f"{row.where}: {row.command}: {row.wrong}" for row in rows if row.wrong] == []
    assert len(rows) > 40
