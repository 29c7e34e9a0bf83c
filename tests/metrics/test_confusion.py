"""The confusion matrix and its scores: hand-made matrices, properties, and scikit-learn where it is installed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.metrics import CONVENTIONS, ConfusionMatrix, Scores

NAN = float("nan")
PAIRS = st.integers(1, 6).flatmap(
    lambda k: st.integers(0, 30).flatmap(
        lambda n: st.tuples(
            st.just(k),
            hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)),
            hnp.arrays(np.int64, n, elements=st.sampled_from([*range(k), k, 254, 255, -1])),
        )
    )
)


def counted(k, pred, label):
    """The definition, one pixel at a time."""
    matrix = np.zeros((k, k), dtype=np.int64)
    for p, y in zip(pred.ravel(), label.ravel()):
        if 0 <= y < k and y != 255:
            matrix[y, p] += 1
    return matrix


# -- counting ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_update_counts_pairs(case):
    k, pred, label = case
    np.testing.assert_array_equal(ConfusionMatrix(k).update(pred, label).matrix, counted(k, pred, label))


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.integers(0, 30), st.randoms(use_true_random=False))
def test_parts_add_up_in_any_order(case, cut, random):
    k, pred, label = case
    whole = ConfusionMatrix(k).update(pred, label)
    a, b = ConfusionMatrix(k).update(pred[:cut], label[:cut]), ConfusionMatrix(k).update(pred[cut:], label[cut:])
    np.testing.assert_array_equal(a.merge(b).matrix, whole.matrix)
    order = list(range(len(pred)))
    random.shuffle(order)
    np.testing.assert_array_equal(ConfusionMatrix(k).update(pred[order], label[order]).matrix, whole.matrix)


@pytest.mark.parametrize("label_type", [np.uint8, np.int32, np.int64, np.uint16])
@pytest.mark.parametrize("pred_type", [np.uint8, np.int32, np.int64])
def test_integer_types_and_shapes_agree(label_type, pred_type):
    rng = np.random.default_rng(0)
    pred, label = rng.integers(0, 5, (2, 7, 9)), rng.integers(0, 7, (2, 7, 9))
    label[0, :2] = 255
    matrix = ConfusionMatrix(5).update(pred.astype(pred_type), label.astype(label_type)).matrix
    np.testing.assert_array_equal(matrix, counted(5, pred, label))
    assert matrix.dtype == np.int64


def test_ignore_index_may_be_a_class_id_and_classes_may_exceed_bytes():
    label = np.array([0, 0, 1, 2], dtype=np.uint8)
    matrix = ConfusionMatrix(3, ignore_index=0).update(np.array([0, 1, 1, 2]), label).matrix
    np.testing.assert_array_equal(matrix, np.diag([0, 1, 1]))
    many = ConfusionMatrix(300, ignore_index=-1)
    many.update(np.array([299, 255]), np.array([299, 255]))
    many.update(np.array([299]), np.array([255], dtype=np.uint8))
    assert many.matrix[299, 299] == many.matrix[255, 255] == many.matrix[255, 299] == 1 and many.matrix.sum() == 3


def test_bad_input_is_named_and_counts_nothing():
    matrix = ConfusionMatrix(3)
    for pred, label, message in (
        ([0, 3], [0, 255], "from 0 to 3, but K is 3"),
        ([-1, 0], [0, 0], "from -1 to 0"),
        ([0, 1, 2], [0, 1], "differ in shape"),
        ([0.0, 1.0], [0, 1], "float64"),
        ([0, 1], [0.0, 1.0], "label: class ids are integers"),
    ):
        with pytest.raises(ValueError, match=message):
            matrix.update(np.array(pred), np.array(label))
    assert matrix.matrix.sum() == 0
    with pytest.raises(ValueError, match="3 and 4 classes"):
        matrix.merge(ConfusionMatrix(4))
    with pytest.raises(ValueError, match="positive"):
        ConfusionMatrix(0)
    with pytest.raises(ValueError, match="square"):
        ConfusionMatrix.from_matrix(np.zeros((2, 3), dtype=int))


def test_from_matrix_reset_and_normalized():
    matrix = ConfusionMatrix.from_matrix([[3, 1, 0], [0, 0, 0], [1, 0, 1]])
    np.testing.assert_allclose(matrix.normalized(), [[0.75, 0.25, 0], [NAN] * 3, [0.5, 0, 0.5]])
    matrix.reset()
    assert matrix.matrix.sum() == 0


# -- scores ------------------------------------------------------------------------------------------------


def test_two_classes_by_hand():
    s = Scores.from_matrix(np.array([[50, 10], [5, 35]]))
    assert s.aAcc == pytest.approx(0.85)
    np.testing.assert_allclose(s.Acc, [50 / 60, 35 / 40])
    np.testing.assert_allclose(s.precision, [50 / 55, 35 / 45])
    np.testing.assert_allclose(s.IoU, [50 / 65, 35 / 50])
    np.testing.assert_allclose(s.Dice, [100 / 115, 70 / 85])
    assert s.mIoU == pytest.approx((50 / 65 + 0.7) / 2)
    assert s.mAcc == pytest.approx((50 / 60 + 35 / 40) / 2)
    assert s.fwIoU == pytest.approx(0.6 * 50 / 65 + 0.4 * 0.7)
    expected = 0.6 * 0.55 + 0.4 * 0.45
    assert s.kappa == pytest.approx((0.85 - expected) / (1 - expected))
    assert s.support.tolist() == [60, 40] and s.predicted.tolist() == [55, 45]
    assert s.recall is s.Acc


ABSENT = np.array([[6, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
ABSENT[0, 2] = 2  # class 2 is predicted though not in the truth; class 3 is nowhere


def test_absent_classes_under_each_convention():
    iou = {
        "nan": [0.6, 4 / 6, 0, NAN],
        "gt_only": [0.6, 4 / 6, NAN, NAN],
        "one": [0.6, 4 / 6, 0, 1],
        "zero": [0.6, 4 / 6, 0, 0],
    }
    dice = {
        "nan": [0.75, 0.8, 0, NAN],
        "gt_only": [0.75, 0.8, NAN, NAN],
        "one": [0.75, 0.8, 0, 0],
        "zero": [0.75, 0.8, 0, 0],
    }
    assert set(iou) == set(CONVENTIONS)
    for convention, expected in iou.items():
        s = Scores.from_matrix(ABSENT, convention)
        np.testing.assert_allclose(s.IoU, expected, err_msg=convention)
        np.testing.assert_allclose(s.Dice, dice[convention], err_msg=convention)
        assert s.mIoU == pytest.approx(np.nanmean(expected))
        assert s.mDice == pytest.approx(np.nanmean(dice[convention]))
        # these do not depend on the convention
        assert s.mAcc == pytest.approx((0.6 + 1) / 2)
        assert s.fwIoU == pytest.approx((10 * 0.6 + 4 * 4 / 6) / 14)
    with pytest.raises(ConfigError, match="Did you mean 'gt_only'"):
        Scores.from_matrix(ABSENT, "gtonly")


def test_all_ignored_is_nan_and_no_crash():
    matrix = ConfusionMatrix(3).update(np.zeros((4, 4), int), np.full((4, 4), 255))
    s = matrix.compute()
    assert all(np.isnan(v) for v in (s.aAcc, s.mAcc, s.mIoU, s.fwIoU, s.kappa, s.mDice))
    json.loads(json.dumps(s.as_dict(), allow_nan=False))
    assert "nan" in s.table()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5).flatmap(lambda k: hnp.arrays(np.int64, (k, k), elements=st.integers(0, 50))))
def test_identities(matrix):
    s = Scores.from_matrix(matrix)
    np.testing.assert_allclose(s.IoU, s.Dice / (2 - s.Dice))
    if matrix.sum():
        assert s.fwIoU == pytest.approx(np.nansum(s.support * s.IoU) / s.support.sum())
        assert s.aAcc == pytest.approx(np.nansum(s.support * s.Acc) / s.support.sum())
        assert -1.0 - 1e-9 <= s.kappa <= 1.0 + 1e-9
    both = Scores.from_matrix(matrix.T)
    np.testing.assert_allclose(s.IoU, both.IoU)
    np.testing.assert_allclose(s.precision, both.Acc)
    order = np.random.default_rng(0).permutation(len(matrix))
    moved = Scores.from_matrix(matrix[np.ix_(order, order)])
    np.testing.assert_allclose(moved.IoU, s.IoU[order])
    for key in ("mIoU", "mAcc", "fwIoU", "kappa", "mDice"):
        assert getattr(moved, key) == pytest.approx(getattr(s, key), nan_ok=True), key


def test_kappa_of_chance_and_of_one_class():
    truth, guess = np.array([10, 30, 60]), np.array([0.5, 0.3, 0.2])
    independent = (truth[:, None] * guess[None, :] * 10).astype(np.int64)
    assert Scores.from_matrix(independent).kappa == pytest.approx(0.0, abs=1e-12)
    assert Scores.from_matrix(np.array([[9, 0], [0, 0]])).kappa == 1.0
    assert Scores.from_matrix(np.array([[0, 9], [0, 0]])).kappa == 0.0


def test_dataset_miou_is_not_the_mean_of_image_miou():
    a, b = np.array([[90, 10], [0, 0]]), np.array([[0, 0], [10, 0]])
    together = ConfusionMatrix.from_matrix(a).merge(ConfusionMatrix.from_matrix(b)).compute().mIoU
    assert together == pytest.approx((90 / 110 + 0) / 2)
    assert together != pytest.approx(np.mean([Scores.from_matrix(m).mIoU for m in (a, b)]))


def test_agrees_with_scikit_learn():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    label = rng.integers(0, 5, 2000)
    pred = np.where(rng.random(2000) < 0.4, rng.integers(0, 5, 2000), label)
    matrix = ConfusionMatrix(5).update(pred, label)
    np.testing.assert_array_equal(matrix.matrix, sk.confusion_matrix(label, pred))
    s = matrix.compute()
    np.testing.assert_allclose(s.IoU, sk.jaccard_score(label, pred, average=None))
    np.testing.assert_allclose(s.Dice, sk.f1_score(label, pred, average=None))
    np.testing.assert_allclose(s.precision, sk.precision_score(label, pred, average=None))
    assert s.aAcc == pytest.approx(sk.accuracy_score(label, pred))
    assert s.mAcc == pytest.approx(sk.balanced_accuracy_score(label, pred))
    assert s.kappa == pytest.approx(sk.cohen_kappa_score(label, pred))
    assert s.fwIoU == pytest.approx(sk.jaccard_score(label, pred, average="weighted"))


# -- reading -----------------------------------------------------------------------------------------------


def test_as_dict_is_json_with_class_names():
    d = json.loads(json.dumps(Scores.from_matrix(ABSENT).as_dict(["sky", "road", "car", "bus"]), allow_nan=False))
    assert d["classes"]["bus"]["IoU"] is None and d["classes"]["bus"]["support"] == 0
    assert d["classes"]["sky"] == {
        "IoU": pytest.approx(0.6),
        "Dice": pytest.approx(0.75),
        "precision": 1.0,
        "recall": pytest.approx(0.6),
        "support": 10,
        "predicted": 6,
    }
    assert d["convention"] == "nan" and d["mIoU"] == pytest.approx((0.6 + 4 / 6) / 3)
    with pytest.raises(ValueError, match="2 class names for 4"):
        Scores.from_matrix(ABSENT).as_dict(["a", "b"])


def test_table_has_a_line_for_each_class():
    lines = ConfusionMatrix.from_matrix(ABSENT).table(["sky", "road", "pedestrian", "bus"]).splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["sky", "road", "pedestrian", "bus"]
    assert lines[1].split() == ["sky", "0.6000", "0.7500", "1.0000", "0.6000", "0.7143"]
    assert lines[4].split() == ["bus", "-", "-", "-", "-", "0.0000"]
    assert "mIoU 0.4222 (nan:" in lines[-1]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("ignored", [0, 2, 255, -1])
def test_ignored_pixels_are_dropped_whatever_their_type(kind, ignored):
    label = np.array([0, 1, 2, 2, ignored]).astype(kind)
    matrix = ConfusionMatrix(3, ignore_index=ignored).update(np.array([0, 1, 1, 2, 1]), label).matrix
    kept = [(t, p) for t, p in zip([0, 1, 2, 2], [0, 1, 1, 2]) if t != ignored]
    expected = np.zeros((3, 3), int)
    for pair in kept:
        expected[pair] += 1
    assert (matrix == expected).all()
