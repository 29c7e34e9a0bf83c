"""Bootstrap intervals: agreement with a plain loop, coverage of the truth, and pairing."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_lite.metrics import Scores, difference_interval, miou_interval


def image_matrices(count, seed=0, classes=3, skill=0.7):
    """Images of varied content and difficulty."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        truth = rng.multinomial(500, rng.dirichlet(np.ones(classes)))
        own = float(np.clip(skill + 0.15 * rng.standard_normal(), 0, 1))
        confusion = own * np.eye(classes) + (1 - own) / classes
        result.append(np.stack([rng.multinomial(t, c / c.sum()) for t, c in zip(truth, confusion)]))
    return result


@pytest.mark.parametrize("convention", ["nan", "gt_only", "one", "zero"])
def test_agrees_with_a_plain_loop(convention):
    matrices = image_matrices(12)
    for m in matrices:
        m[2] = 0  # a class that is predicted but never true
    interval = miou_interval(matrices, samples=200, seed=3, convention=convention)
    assert interval.value == pytest.approx(Scores.from_matrix(sum(matrices), convention).mIoU)
    draws = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=200)
    plain = [Scores.from_matrix(sum(n * m for n, m in zip(row, matrices)), convention).mIoU for row in draws]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    population = Scores.from_matrix(sum(image_matrices(4000, seed=99))).mIoU
    hits = 0
    for seed in range(100):
        interval = miou_interval(image_matrices(40, seed=seed), samples=300, seed=seed)
        hits += interval.low <= population <= interval.high
    assert 85 <= hits <= 100


def test_width_shrinks_with_images_and_confidence():
    few, many = miou_interval(image_matrices(20)), miou_interval(image_matrices(320))
    assert (many.high - many.low) < 0.5 * (few.high - few.low)
    narrow = miou_interval(image_matrices(20), confidence=0.5)
    assert few.low < narrow.low < few.value < narrow.high < few.high
    assert miou_interval(image_matrices(20)) == few
    same = miou_interval([np.diag([5, 5])] * 8)
    assert same.low == same.value == same.high == 1.0


def test_pairing_removes_what_is_hard_for_both():
    a = image_matrices(40)
    b = []
    for m in a:  # a tenth of the errors put right, in every image
        fixed = m.copy()
        for i in range(3):
            for j in range(3):
                if i != j:
                    moved = m[i, j] // 10
                    fixed[i, j] -= moved
                    fixed[i, i] += moved
        b.append(fixed)
    difference = difference_interval(a, b)
    alone = miou_interval(a)
    assert 0 < difference.low < difference.value < difference.high
    assert difference.high - difference.low < 0.3 * (alone.high - alone.low)
    assert difference.p_value < 0.01
    back = difference_interval(b, a)
    assert back.value == pytest.approx(-difference.value) and back.low == pytest.approx(-difference.high)
    nothing = difference_interval(a, a)
    assert nothing.value == nothing.low == nothing.high == 0.0 and nothing.p_value == 1.0


def test_bad_input_is_named():
    a = image_matrices(5)
    for call, message in (
        (lambda: miou_interval([]), "no image"),
        (lambda: miou_interval(a, samples=0), "samples"),
        (lambda: miou_interval(a, confidence=95), "between 0 and 1"),
        (lambda: difference_interval(a, a[:4]), "5 images of 3 classes and 4 of 3"),
        (lambda: difference_interval(a, a[::-1]), "same order"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert str(miou_interval([np.diag([5, 5])] * 3)) == "1.0000 [1.0000, 1.0000]"
