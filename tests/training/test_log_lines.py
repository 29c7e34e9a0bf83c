"""The lines of a run: their numbers, in English and in Chinese."""

import re

import numpy as np
import pytest

from paddleseg_lite import language
from paddleseg_lite.inference.evaluation import Evaluation
from paddleseg_lite.metrics import ConfusionMatrix
from paddleseg_lite.training import log_lines

INFO = {
    "epoch": 2,
    "iter": 30,
    "loss": 1.23456,
    "lr": 0.0015,
    "images_per_s": 8.04,
    "data_share": 0.052,
    "eta_s": 3 * 86400 + 61.7,
    "loss_parts": {"out": 1.0, "aux": 0.58640},
}


@pytest.fixture(params=["en", "zh"])
def spoken(request):
    language.set_language(request.param)
    yield request.param
    language.set_language(None)


def test_a_training_line_has_every_number(spoken):
    line = log_lines.train_line(INFO, 500)
    assert line.startswith("[TRAIN]") and line.endswith("(out 1.0000, aux 0.5864)")
    assert re.findall(r"[\d.:]+\d|\d", line) == [
        "2",
        "30",
        "500",
        "1.2346",
        "0.001500",
        "8.0",
        "5",
        "72:01:01",
        "1.0000",
        "0.5864",
    ]
    assert ("学习率" in line) == (spoken == "zh")
    assert log_lines.train_line({**INFO, "loss_parts": {"out": 1.0}}, 500).endswith("72:01:01")
    assert re.findall(r"\d[\d.e+-]*", log_lines.note(INFO)) == ["1.2346", "1.50e-03", "8.0"]


def test_lines_of_a_validation(spoken):
    matrix = ConfusionMatrix(2).update(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]))
    seen = Evaluation(scores=matrix.compute(), matrix=matrix, loss=0.5, images=4, seconds=2.0)
    line = log_lines.eval_line(30, seen)
    assert re.findall(r"\d+(?:\.\d+)?", line) == ["30", "0.5000", "0.5833", "0.7500", "0.7500", "0.5000", "4", "2.0"]
    assert ("over 4 images" in line) == (spoken == "en") and line.startswith("[EVAL]")
    best = log_lines.best_line(0.58333, 30, new=True)
    assert "0.5833" in best and "30" in best and log_lines.best_line(0.58333, 30, new=False) != best
