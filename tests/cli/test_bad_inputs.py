"""Every bad input ends in one message: the thing, the reason, the remedy; status 2 and no traceback.

The tables are in ``bad_data.py`` (images, labels, lists), ``bad_config.py``
(recipes, flags) and ``bad_checkpoints.py`` (weights, checkpoints, val, infer).
"""

import os
import sys

import pytest
from bad_checkpoints import CHECKPOINTS
from bad_config import FLAGS, RECIPES
from bad_data import DATA, LISTS
from sandbox import Sandbox

TRAIN = "train --config {folder}/recipe.yml --no_vdl --save_dir {out}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run on the sandbox's data."""
    from paddleseg_lite.config import load_config
    from paddleseg_lite.training.trainer import train

    box = Sandbox(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(box.folder)
        train(load_config("recipe.yml"), save_dir=box.out)
    return box.out


@pytest.fixture
def box(tmp_path, monkeypatch):
    """Fresh data; caches and outputs stay inside."""
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
    sandbox = Sandbox(tmp_path / "box")
    monkeypatch.chdir(sandbox.folder)
    return sandbox


@pytest.fixture
def refuses(tool, box):
    """``refuses(call, parts, status=2)``: the call ends with the status and says all the parts."""

    def check(call, parts, status=2):
        name, *arguments = (a.format(folder=box.folder, data=box.data, out=box.out) for a in call.split())
        code, out, err = tool(name, *arguments)
        said = err if status == 2 else out
        lacking = [part for part in parts if part.lower() not in said.lower()]
        if code != status or lacking or "Traceback" in out + err or len(said) > 6000:
            pytest.fail(f"status {code}, lacking {lacking} in:\n{(said or out)[-3000:]}", pytrace=False)
        return said

    return check


def cases(table):
    return pytest.mark.parametrize("case", table, ids=[c[0] for c in table])


def test_the_sandbox_itself_is_good(tool, box):
    code, out, err = tool(*(a.format(folder=box.folder, out=box.out) for a in TRAIN.split()))
    assert code == 0 and "done: best mIoU" in out, out + err


@cases(DATA + LISTS + RECIPES)
def test_data_and_recipes(box, refuses, case):
    _, spoil, parts = case
    spoil(box)
    refuses(TRAIN, parts)
    assert not list(box.out.glob("iter_*"))


@cases(FLAGS)
def test_flags(box, refuses, case, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    box.write_text("broken.py", "a = 0\nb = 1 / a\n")
    refuses(f"{TRAIN} {case[1]}", case[2])


@cases(CHECKPOINTS)
def test_checkpoints(box, trained, refuses, case):
    _, spoil, call, parts, status = case
    box.copy_run(trained)
    if spoil is not None:
        spoil(box)
    refuses(call, parts, status)
    assert not (box.folder / "EXECUTED").exists()


ENVIRONMENT = [
    ("threads_a_word", {"OMP_NUM_THREADS": "many"}, ["OMP_NUM_THREADS is 'many'", "not a number", "unset it"]),
    ("threads_negative", {"OMP_NUM_THREADS": "-2"}, ["OMP_NUM_THREADS is '-2'", "unset it"]),
    ("launcher_a_word", {"PADDLE_TRAINERS_NUM": "two"}, ["PADDLE_TRAINERS_NUM is 'two'", "unset it"]),
]


@cases(ENVIRONMENT)
def test_environment(refuses, case, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, value in case[1].items():
        monkeypatch.setenv(name, value)
    refuses(TRAIN, case[2])


def test_visualdl_absent(refuses, monkeypatch):
    monkeypatch.setitem(sys.modules, "visualdl", None)
    refuses(TRAIN.replace("--no_vdl ", ""), ["visualdl", "not installed", "--no_vdl"])


def test_disk_full_before_the_first_file(refuses, box, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("paddleseg_lite.data.io.os.replace", full)
    refuses(TRAIN, ["cannot write", "out/train.log", "No space left on device", "free some space"])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions bind other users only")
def test_unreadable_image(box, refuses):
    (box.data / "train" / "a.png").chmod(0)
    refuses(TRAIN, ["train/a.png", "cannot be read", "Permission denied"])


def test_the_catalogue_is_large_and_has_no_doubles():
    names = [c[0] for table in (DATA, LISTS, RECIPES, FLAGS, CHECKPOINTS, ENVIRONMENT) for c in table]
    assert len(names) == len(set(names)) >= 150
