"""A study of two variants that takes seconds."""

import contextlib
import os

import pytest
import yaml

from paddleseg_lite.studies import pool, worker

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


class Over:
    """A process that has done its work."""

    pid = os.getpid()

    def __init__(self, code):
        self.returncode = code

    def poll(self):
        return self.returncode

    def terminate(self):
        pass

    wait = poll


@pytest.fixture
def within(monkeypatch):
    """Runs are trained in this process, for tests that are not about processes: seconds less for each."""

    def spawn(target, log, settings):
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(log):
            for name, value in settings.environment({}).items():
                patch.setenv(name, value)
            patch.setattr(worker, "end_with", lambda parent: None)
            return Over(worker.main(target))

    monkeypatch.setattr(pool, "spawn", spawn)
