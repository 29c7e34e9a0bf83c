"""docs/extending.md is followed to the letter: its files and its lines in a copy of the project, and from a script."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from pages import ROOT, blocks, commands, text_of

PAGE = ROOT / "docs" / "extending.md"
NAMES = ("StripMean", "TopDown", "PolyLoss", "FolderPairs")
FILES = re.findall(r"^`(paddleseg_lite/[\w/]+\.py)`: ", text_of(PAGE), re.M)
LINES = re.findall(r"^The line in `(paddleseg_lite/[\w/]+\.py)`: `(.+)`\.$", text_of(PAGE), re.M)
CONTRACTS, REFERENCE, TRAIN, SUMMARY, WITH = commands(PAGE)
QUICK = "sentence or told or named or ignored or sample or differences or extreme or training_outputs"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the project with the page's files and lines in it."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("paddleseg_lite", "tests", "docs", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
    for name in ("pyproject.toml", "configs"):
        (folder / name).symlink_to(ROOT / name)
    for name, code in zip(FILES, blocks(PAGE, "python")):
        (folder / name).write_text(code, encoding="utf-8")
    for name, line in LINES:
        if line in text_of(folder / name):  # somebody has followed the page here
            continue
        with open(folder / name, "a", encoding="utf-8") as file:
            file.write(f"\n{line}  # isort: skip\n")
    return folder


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """A folder with ``my_parts.py``, the recipe, and pictures beside their labels."""
    if any((ROOT / name).exists() for name in FILES):
        pytest.skip("the page's parts are in the package already, and a name is taken once")
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("script")
    first, *rest = blocks(PAGE, "python")
    (folder / "my_parts.py").write_text("\n\n".join([first, *map(once, rest)]), encoding="utf-8")
    (folder / "my_recipe.yml").write_text(blocks(PAGE, "yaml")[0], encoding="utf-8")
    rng = np.random.default_rng(0)
    for mode in ("train", "val"):
        for kind, high, shape in (("pictures", 256, (48, 64, 3)), ("labels", 3, (48, 64))):
            (folder / "my_pairs" / kind / mode).mkdir(parents=True)
            for i in range(2):
                cv2.imwrite(str(folder / "my_pairs" / kind / mode / f"{i}.png"), rng.integers(0, high, shape, np.uint8))
    return folder


def once(code):
    """The code of a file without the line that may stand only at a file's beginning."""
    return code.replace("from __future__ import annotations\n", "")


def run(command, folder, more=(), timeout=900):
    words = shlex.split(command)
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:], *more], cwd=folder, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def contracts_of(listed):
    """How many contract tests were found for each name."""
    return {name: sum(name in line for line in listed.splitlines() if "::" in line) for name in NAMES}


def test_the_page_has_a_file_and_a_line_for_each_part():
    assert len(FILES) == len(LINES) == len(blocks(PAGE, "python")) == len(NAMES)
    for (init, line), file, name in zip(LINES, FILES, NAMES):
        module = file.rpartition("/")[2][: -len(".py")]
        assert init.rpartition("/")[0] == file.rpartition("/")[0] and line == f"from .{module} import {name}"
        assert name in CONTRACTS and name in WITH


def test_in_the_package_they_are_found(extended):
    found = contracts_of(run(CONTRACTS, extended, ["--collect-only", "-q"]))
    assert found["StripMean"] >= 15 and found["TopDown"] >= 12 and found["PolyLoss"] >= 8 and found["FolderPairs"] >= 8
    written = " ".join([*FILES, *(init for init, _ in LINES)])
    run(f"python -m ruff check {written}", extended)
    run(f"python -m ruff format --check {written}", extended)
    run(REFERENCE, extended)
    for name in NAMES:
        assert any(f"### {name}\n" in text_of(page) for page in (extended / "docs" / "reference").glob("*.md")), name
    names = " or ".join(NAMES)
    passed = run(f'python -m pytest tests/contracts -q -k "({names}) and ({QUICK})"', extended)
    assert int(re.search(r"(\d+) passed", passed)[1]) >= 15


@pytest.mark.slow
def test_in_the_package_they_hold_all_contracts(extended):
    run("python -m mypy", extended)
    run(CONTRACTS, extended)


def test_from_a_script(script):
    for tool in (TRAIN, SUMMARY):
        words = tool.replace("tools/", f"{ROOT}/tools/")
        short = "--iters 2 --no_doctor --no_vdl --threads 1 --save_dir run --opts lr_scheduler.warmup_iters=0"
        out = run(words, script, shlex.split(short) if tool == TRAIN else ["--threads", "1"])
    assert (script / "run" / "best_model").is_dir() and "TopDown" in out


def test_the_contracts_take_a_script(script):
    command = WITH.replace("my_parts.py", str(script / "my_parts.py")).partition(" -k ")[0]
    names = " or ".join(NAMES)
    found = run(f'{command} -v -k "({names}) and (told or named or sample or finite)"', ROOT)
    assert all(contracts_of(found).values()) and int(re.search(r"(\d+) passed", found)[1]) >= 8, found


@pytest.mark.slow
def test_a_script_holds_all_contracts(script):
    run(WITH.replace("my_parts.py", str(script / "my_parts.py")), ROOT)
