"""``val --split``: a split with labels is scored whatever its name, one without is refused in one line."""

import json

import pytest
from file_run import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("splits"))


@pytest.mark.parametrize(
    "arguments, split, images",
    [
        ([], "val", 1),
        (["--split", "val"], "val", 1),
        (["--split", "test"], "test", 1),
        (["--split", "train"], "train", 3),
        (["--opts", "val_dataset.mode=test"], "test", 1),
        (["--opts", "val_dataset.mode=train"], "train", 3),
    ],
)
def test_a_split_with_labels_is_scored(run, tool, tmp_path, arguments, split, images):
    status, out, err = tool("val", "--model_path", run, "--json", tmp_path / "s.json", *arguments)
    assert status == 0, out + err
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["images"] == images and found["split"] == split


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (["--split", "test", "--opts", "val_dataset.test_path=bare.txt"], "1 of the 1 pictures of .*bare.txt have no"),
        (["--opts", "val_dataset.mode=test", "val_dataset.test_path=bare.txt"], "have no label"),
        (["--split", "test", "--opts", "val_dataset.test_path=null"], "needs the argument test_path"),
        (["--split", "tset"], "mode is one of train, val, test, but got 'tset'"),
    ],
)
def test_a_split_without_labels_is_refused_in_one_line(run, tool, arguments, reason):
    import re

    status, out, err = tool("val", "--model_path", run, *arguments)
    assert status == 2 and re.search(reason, out + err) and "Traceback" not in out + err
    assert len((out + err).strip().splitlines()) == 1
