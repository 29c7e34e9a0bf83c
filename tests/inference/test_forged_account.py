"""A checkpoint's account of its classes: taken when whole, named when forged."""

import json
import shutil

import pytest

from paddleseg_lite import load, train
from paddleseg_lite.checkpoint.manifest import self_digest
from paddleseg_lite.config import Config
from paddleseg_lite.errors import CheckpointError
from paddleseg_lite.inference.account import ENTRIES, checked_classes

GOOD = {"num_classes": 2, "class_names": ["a", "b"], "palette": [[0, 0, 0], [255, 9, 9]], "ignore_index": 255}
FORGED = {
    "num_classes": [None, 0, -1, True, "2", 2.0, 10**30, [2], 3],
    "class_names": [None, "ab", ["a"], ["a", 1], {"a": 1}, [["a"], "b"], 5],
    "palette": [None, [], [[0] * 3], [[0, 0], [1, 1]], [[0] * 3, [256, 0, 0]], "red", [[0] * 3, [1]], [[0.5] * 3] * 2],
    "ignore_index": [None, "255", 1.5, True, 10**30, [255]],
}  # fmt: skip


@pytest.mark.parametrize("key", ENTRIES)
def test_forged_entries_are_named(key, tmp_path):
    assert checked_classes(GOOD, tmp_path) == GOOD
    for value in FORGED[key]:
        with pytest.raises(
            CheckpointError, match=r"manifest\.json: meta\.(num_classes|class_names|palette|ignore_index)"
        ):
            checked_classes({**GOOD, key: value}, tmp_path)
    with pytest.raises(CheckpointError, match=f"meta.{key} is 'None'"):
        checked_classes({k: v for k, v in GOOD.items() if k != key}, tmp_path)


def test_no_account_is_no_fault(tmp_path):
    assert checked_classes({}, tmp_path) == checked_classes({"metrics": {"mIoU": 1}}, tmp_path) == {}


def test_a_forged_checkpoint_is_refused_by_load(tmp_path):
    scenes = {
        "type": "Scenes",
        "num_samples": 2,
        "size": [32, 32],
        "num_classes": 6,
        "transforms": [{"type": "Normalize"}],
    }
    network, rates = {"type": "UNet", "base_channels": 4}, {"type": "Constant", "learning_rate": 0.01}
    config = Config(model=network, train_dataset=scenes, batch_size=2, iters=1, do_eval=False, lr_scheduler=rates)
    train(config, save_dir=tmp_path / "run")
    assert load(tmp_path / "run").class_names
    folder = shutil.copytree(tmp_path / "run" / "iter_1", tmp_path / "forged")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["meta"]["class_names"] = {"x": 1}
    manifest["sha256"] = self_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"meta\.class_names"):
        load(folder)
