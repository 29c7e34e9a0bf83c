"""Expected calibration error: by hand, streaming, and on data that is calibrated by construction."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_lite.metrics import Calibration


def maps(confidence, classes=2):
    """Class 0 with the given confidence."""
    p = np.asarray(confidence, dtype=np.float64)
    rest = (1 - p) / (classes - 1)
    return np.stack([p] + [rest] * (classes - 1))


def test_by_hand():
    confidence = np.array([[0.95, 0.95, 0.95, 0.95, 0.65, 0.65]])
    label = np.array([[0, 0, 0, 1, 0, 1]])
    s = Calibration(10).update(maps(confidence), label).compute()
    assert s.count[[6, 9]].tolist() == [2, 4] and s.count.sum() == 6
    assert s.accuracy[9] == 0.75 and s.accuracy[6] == 0.5
    assert pytest.approx((4 * 0.2 + 2 * 0.15) / 6) == s.ECE
    assert pytest.approx(0.2) == s.MCE
    assert np.isnan(s.accuracy[0])


def test_sure_and_right_is_0_and_sure_and_wrong_is_1():
    label = np.zeros((4, 4), int)
    assert Calibration().update(maps(np.ones((4, 4))), label).compute().ECE == 0.0
    assert Calibration().update(maps(np.ones((4, 4))), label + 1).compute().ECE == 1.0


def test_calibrated_data_has_a_small_error_and_overconfidence_shows():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1.0, (300, 300))
    label = (rng.random(confidence.shape) >= confidence).astype(int)
    assert Calibration().update(maps(confidence), label).compute().ECE < 0.01
    sharpened = maps(confidence) ** 4
    sharpened /= sharpened.sum(0)
    gap = (sharpened.max(0) - confidence).mean()
    assert pytest.approx(gap, abs=0.01) == Calibration().update(sharpened, label).compute().ECE


def test_logits_parts_and_ignored_pixels():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((5, 8, 9)) * 3
    label = rng.integers(0, 5, (8, 9))
    label[0] = 255
    p = np.exp(logits) / np.exp(logits).sum(0)
    whole = Calibration().update(p, label).compute()
    assert whole.count.sum() == 63
    assert pytest.approx(whole.ECE, abs=1e-6) == Calibration().update_logits(logits, label).compute().ECE
    halves = Calibration().update(p[:, :4], label[:4]).merge(Calibration().update(p[:, 4:], label[4:]))
    assert pytest.approx(whole.ECE) == halves.compute().ECE
    noise = p.copy()
    noise[:, 0] = rng.dirichlet(np.ones(5), 9).T
    assert pytest.approx(whole.ECE) == Calibration().update(noise, label).compute().ECE


def test_nothing_valid_is_nan_and_bad_input_is_named():
    s = Calibration().update(maps(np.ones((2, 2))), np.full((2, 2), 255)).compute()
    assert np.isnan(s.ECE) and np.isnan(s.MCE)
    with pytest.raises(ValueError, match="apply softmax"):
        Calibration().update(np.full((2, 2, 2), 3.0), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match=r"\(2, 2, 2\) and \(3, 2\)"):
        Calibration().update(np.zeros((2, 2, 2)), np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="15 and 10 bins"):
        Calibration(15).merge(Calibration(10))
