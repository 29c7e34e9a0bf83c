"""Boundary F1: by hand, against a plain version, and its limits."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_lite.metrics import BoundaryF1
from paddleseg_lite.metrics.boundary import edges


def square(top, left, size=20, shape=(100, 100), value=1):
    ids = np.zeros(shape, dtype=np.int64)
    ids[top : top + size, left : left + size] = value
    return ids


def plain(pred, label, classes, limit, ignore=255):
    """The definition, pixel by pixel."""
    h, w = label.shape

    def outline(ids, c):
        points = []
        for i in range(h):
            for j in range(w):
                if ids[i, j] != c or label[i, j] == ignore:
                    continue
                for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                    if 0 <= a < h and 0 <= b < w and label[a, b] != ignore and ids[a, b] != c:
                        points.append((i, j))
                        break
        return np.array(points, dtype=float).reshape(-1, 2)

    scores = []
    for c in range(classes):
        t, p = outline(label, c), outline(pred, c)
        if not len(t) and not len(p):
            continue
        if not len(t) or not len(p):
            scores.append(0.0)
            continue
        distance = np.sqrt(((t[:, None] - p[None]) ** 2).sum(-1))
        recall, precision = (distance.min(1) <= limit).mean(), (distance.min(0) <= limit).mean()
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return np.mean(scores)


def test_perfect_is_1_and_a_shift_beyond_the_tolerance_falls():
    label = square(40, 40)
    tolerance = 3 / np.hypot(100, 100)
    assert BoundaryF1(2, tolerance=tolerance).update(label, label) == 1.0
    assert BoundaryF1(2, tolerance=tolerance).update(square(43, 40), label) == pytest.approx(1.0)
    far = square(5, 75)
    assert BoundaryF1(2, tolerance=tolerance).update(far, label) == 0.0


def test_agrees_with_the_plain_version():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, (4, 5))
    label = np.kron(coarse, np.ones((6, 6), dtype=int))
    pred = np.roll(label, (1, 2), (0, 1))
    pred[rng.random(pred.shape) < 0.02] = 2
    label[3:9, 10:14] = 255
    for limit in (0.0, 1.0, 2.0, 3.0):
        score = BoundaryF1(3, tolerance=limit / np.hypot(*label.shape)).update(pred, label)
        assert score == pytest.approx(plain(pred, label, 3, limit), abs=1e-6), limit


def test_ignored_regions_make_no_boundary():
    label = square(40, 40)
    label[:, 50:] = 255
    pred = label.copy()
    pred[:, 50:] = np.random.default_rng(0).integers(0, 2, (100, 50))
    assert BoundaryF1(2).update(pred, label) == 1.0
    valid = label != 255
    assert not edges(label, valid)[:, 50:].any()
    assert not edges(label, valid)[45, 49]  # beside the ignored region, inside the square


def test_classes_in_truth_or_prediction():
    label = square(40, 40)
    pred = label.copy()
    pred[5:15, 5:15] = 2  # a class that the truth does not have
    either, truth_only = BoundaryF1(3), BoundaryF1(3, truth_only=True)
    with_false_class, without = either.update(pred, label), truth_only.update(pred, label)
    per_class = either.image_scores(pred, label)
    assert per_class[2] == 0.0 and per_class[1] == 1.0 and 0.5 < per_class[0] < 1.0
    assert with_false_class == pytest.approx(per_class.mean()) and without == pytest.approx(per_class[:2].mean())


def test_an_image_without_boundaries_does_not_count():
    metric = BoundaryF1(2)
    assert np.isnan(metric.update(np.zeros((10, 10), int), np.zeros((10, 10), int)))
    assert np.isnan(metric.compute().mean) and metric.compute().images == 0
    metric.update(square(40, 40), square(40, 40))
    assert metric.compute().mean == 1.0 and metric.compute().images == 1


def test_dataset_score_is_the_mean_over_images_and_merges():
    label, off = square(40, 40), square(46, 47)
    a, b, whole = BoundaryF1(3), BoundaryF1(3), BoundaryF1(3)
    scores = [a.update(label, label), b.update(off, label)]
    whole.update(label, label)
    whole.update(off, label)
    merged = a.merge(b).compute()
    assert merged.mean == pytest.approx(np.mean(scores)) == pytest.approx(whole.compute().mean)
    assert 0 < scores[1] < 1
    np.testing.assert_allclose(merged.per_class, whole.compute().per_class)
    assert np.isnan(merged.per_class[2])


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(3, 4\)"):
        BoundaryF1(2).update(np.zeros((3, 3), int), np.zeros((3, 4), int))
