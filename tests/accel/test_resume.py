"""Trainings that are stopped and go on: bit-equal in every mode; with auto, on the choices of the checkpoint."""

import json

import numpy as np
import pytest

from paddleseg_lite import accel
from paddleseg_lite.accel import choose
from paddleseg_lite.checkpoint import load_checkpoint
from paddleseg_lite.config import parse_config
from paddleseg_lite.training.callbacks import Callback
from paddleseg_lite.training.trainer import train

SCENES = {
    "type": "Scenes",
    "num_samples": 6,
    "size": [32, 32],
    "num_classes": 6,
    "mode": "train",
    "transforms": [{"type": "RandomHorizontalFlip"}, {"type": "Normalize"}],
}


def recipe(**changes):
    return parse_config(
        {
            "model": {"type": "UNet", "base_channels": 4},
            "train_dataset": SCENES,
            "do_eval": False,
            "optimizer": {"type": "Momentum"},
            "lr_scheduler": {"type": "Constant", "learning_rate": 0.05},
            "loss": {"out": {"type": "CrossEntropyLoss"}},
            "batch_size": 2,
            "iters": 4,
            "save_interval": 4,
            **changes,
        }
    )


class StopAt2(Callback):
    """Asks for a stop after the second step."""

    def on_step(self, trainer):
        if trainer.state.iteration == 2:
            trainer.request_stop("test")


def assert_equal_weights(a, b):
    a, b = load_checkpoint(a).model_state, load_checkpoint(b).model_state
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_a_resumed_run_is_bit_equal(math, tmp_path):
    config = recipe(precision=math)
    train(config, save_dir=tmp_path / "whole")
    train(config, save_dir=tmp_path / "parts", callbacks=[StopAt2()])
    train(config, save_dir=tmp_path / "parts", resume=True)
    assert_equal_weights(tmp_path / "whole" / "iter_4", tmp_path / "parts" / "iter_4")


def test_auto_resumes_on_the_choices_of_the_checkpoint(tmp_path, monkeypatch):
    asked = []

    def measure(geometry, *rest):  # a machine that likes every other convolution
        asked.append(geometry)
        return ("onednn", "paddle")[len(asked) % 2]

    config = recipe(cpu_accel="auto")
    monkeypatch.setattr(choose, "_measure", measure)
    train(config, save_dir=tmp_path / "whole")
    count = len(asked)
    accel.clear_choices()
    asked.clear()
    train(config, save_dir=tmp_path / "parts", callbacks=[StopAt2()])
    state = json.loads((tmp_path / "parts" / "iter_2" / "state.json").read_text(encoding="utf-8"))
    recorded = state["precision"]["accel_choices"]
    assert len(recorded) == len(asked) == count and set(recorded.values()) == {"onednn", "paddle"}
    accel.clear_choices()  # another process
    monkeypatch.setattr(choose, "_measure", lambda *_: pytest.fail("measured again although recorded"))
    train(config, save_dir=tmp_path / "parts", resume=True)
    assert_equal_weights(tmp_path / "whole" / "iter_4", tmp_path / "parts" / "iter_4")
