"""A study of two variants that takes seconds."""

import pytest
import yaml

SCENES = {"type": "Scenes", "size": [32, 32], "num_classes": 6, "transforms": [{"type": "Normalize"}]}
BASE = {
    "model": {"type": "UNet", "base_channels": 4},
    "batch_size": 2,
    "iters": 2,
    "save_interval": 1,
    "log_iters": 1,
    "train_dataset": {**SCENES, "num_samples": 4, "mode": "train"},
    "val_dataset": {**SCENES, "num_samples": 2, "mode": "val"},
}
STUDY = {
    "base": "base.yml",
    "factors": {
        "unit": {"path": "model.context", "values": {"GloRe": {"type": "GloRe", "num_nodes": 4}, "none": None}}
    },
    "compare": "unit",
    "baseline": "none",
    "seeds": [0, 1],
}


@pytest.fixture
def write(tmp_path):
    """``write(study keys, base keys) -> path`` of a study file; keys replace those above."""

    def _write(study=None, base=None):
        (tmp_path / "base.yml").write_text(yaml.safe_dump({**BASE, **(base or {})}, sort_keys=False))
        (tmp_path / "study.yml").write_text(yaml.safe_dump({**STUDY, **(study or {})}, sort_keys=False))
        return tmp_path / "study.yml"

    return _write
