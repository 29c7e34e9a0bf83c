"""Losses against their formulas in NumPy, and the properties of MODELS section 15."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddleseg_lite.errors import ConfigError
from paddleseg_lite.losses import (
    BCEDiceLoss,
    CrossEntropyLoss,
    DiceLoss,
    FocalLoss,
    LovaszSoftmaxLoss,
    MixedLoss,
    OhemCrossEntropyLoss,
    PresenceLoss,
)
from paddleseg_lite.losses.lovasz import jaccard_slopes
from paddleseg_lite.registry import LOSSES
from tests.contracts.forms import LOSS_FORMS
from tests.contracts.found import specs

K = 3
PLAIN = [
    "CrossEntropyLoss",
    "OhemCrossEntropyLoss",
    "DiceLoss",
    "BCEDiceLoss",
    "FocalLoss",
    "LovaszSoftmaxLoss",
    "MixedLoss",
]


def build(name):
    """A loss as the contract tests build it."""
    return LOSSES.build(specs(LOSSES)[name])


def sample(n=2, size=(4, 4), seed=0, ignored=0.2, scale=2.0):
    rng = np.random.default_rng(seed)
    logits = (scale * rng.standard_normal((n, K, *size))).astype("float32")
    label = rng.integers(0, K, (n, *size))
    label[rng.random(label.shape) < ignored] = 255
    return logits, label


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def truth_probability(z, y):
    """``p_y`` of the valid pixels, in float64."""
    p = softmax(z.astype("float64"))
    return np.take_along_axis(p, np.where(y == 255, 0, y)[:, None], 1)[:, 0][y != 255]


def value(loss, z, y, *extra):
    return float(loss(paddle.to_tensor(z), paddle.to_tensor(y), *extra))


def value_and_gradient(loss, z, y, *extra):
    x = paddle.to_tensor(z, stop_gradient=False)
    out = loss(x, paddle.to_tensor(y), *extra)
    out.backward()
    return float(out), x.grad.numpy()


# -- properties beyond the contract of tests/contracts -------------------------------------------------------


@pytest.mark.parametrize("name", [*PLAIN, *LOSS_FORMS])
def test_the_order_of_pixels_does_not_matter(name):
    z, y = sample(n=1)
    order = np.random.default_rng(3).permutation(16)
    loss = build(name)
    shuffled = z.reshape(1, K, 16)[:, :, order].reshape(z.shape), y.reshape(1, 16)[:, order].reshape(y.shape)
    assert value(loss, *shuffled) == pytest.approx(value(loss, z, y), rel=1e-5)


@pytest.mark.parametrize("name", sorted({*PLAIN, *LOSS_FORMS} - {"DiceLoss", "ce_smoothed", "dice_weighted"}))
def test_a_perfect_prediction_costs_nothing(name):
    _, y = sample()
    z = 40.0 * (np.arange(K)[None, :, None, None] == y[:, None]).astype("float32")
    assert value(build(name), z, y) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", [*PLAIN, "ce_sum"])
def test_relabelling_classes_does_not_matter(name):
    z, y = sample()
    order = np.array([2, 0, 1])  # new id of each class
    renamed = np.where(y == 255, 255, order[np.where(y == 255, 0, y)])
    assert value(build(name), z[:, np.argsort(order)], renamed) == pytest.approx(value(build(name), z, y), rel=1e-5)


# -- formulas ----------------------------------------------------------------------------------------------


def test_cross_entropy_is_the_mean_over_valid_pixels():
    z, y = sample()
    nll = -np.log(truth_probability(z, y))
    assert value(CrossEntropyLoss(), z, y) == pytest.approx(nll.mean(), rel=1e-5)
    assert value(CrossEntropyLoss(reduction="sum"), z, y) == pytest.approx(nll.sum(), rel=1e-5)
    assert value(CrossEntropyLoss(avg_non_ignore=False), z, y) == pytest.approx(nll.sum() / y.size, rel=1e-5)


def test_cross_entropy_divides_by_the_sum_of_weights():
    z, y = sample()
    w = np.array([0.5, 2.0, 1.0])
    pixel = np.random.default_rng(2).random(y.shape).astype("float32")
    nll, factor = -np.log(truth_probability(z, y)), w[y[y != 255]]
    assert value(CrossEntropyLoss(weight=w), z, y) == pytest.approx((factor * nll).sum() / factor.sum(), rel=1e-5)
    factor = factor * pixel[y != 255]
    with_map = value(CrossEntropyLoss(weight=w), z, y, paddle.to_tensor(pixel))
    assert with_map == pytest.approx((factor * nll).sum() / factor.sum(), rel=1e-5)


def test_label_smoothing_mixes_in_the_uniform_target():
    z, y = sample()
    log_p = np.log(softmax(z.astype("float64"))).transpose(0, 2, 3, 1)[y != 255]
    target = 0.9 * np.eye(K)[y[y != 255]] + 0.1 / K
    expected = -(target * log_p).sum(1).mean()
    assert value(CrossEntropyLoss(label_smoothing=0.1), z, y) == pytest.approx(expected, rel=1e-5)


def test_another_ignore_index():
    z, y = sample()
    for index in (-100, 1):
        moved = np.where(y == 255, index, y)
        nll = -np.log(truth_probability(z, np.where(moved == index, 255, moved)))
        assert value(CrossEntropyLoss(ignore_index=index), z, moved) == pytest.approx(nll.mean(), rel=1e-5)


def test_ohem_keeps_hard_pixels_and_at_least_min_kept():
    z, y = sample(n=2, size=(8, 8))
    p = np.sort(truth_probability(z, y))
    for thresh, min_kept in ((0.3, 1), (0.3, 40), (0.01, 7), (0.7, 10_000)):
        limit = max(thresh, p[min(min_kept, len(p)) - 1])
        kept = p[p <= limit + 1e-9]
        assert len(kept) >= min(min_kept, len(p))
        loss = OhemCrossEntropyLoss(thresh=thresh, min_kept=min_kept)
        assert value(loss, z, y) == pytest.approx(-np.log(kept).mean(), rel=1e-5), (thresh, min_kept)


def test_ohem_with_everything_kept_is_cross_entropy():
    z, y = sample()
    w = [0.5, 2.0, 1.0]
    for arguments in ({"thresh": 1.0, "min_kept": 1}, {"thresh": 0.1, "min_kept": 10**9}, {"top_k_percent": 1.0}):
        ohem = OhemCrossEntropyLoss(**arguments, weight=w)
        assert value(ohem, z, y) == pytest.approx(value(CrossEntropyLoss(weight=w), z, y), rel=1e-5)


def test_hardest_share_counts_pixels_of_the_batch():
    z, y = sample(ignored=0.0)
    nll = np.sort(-np.log(truth_probability(z, y)))[::-1]
    expected = nll[: int(0.25 * y.size)].mean()
    assert value(OhemCrossEntropyLoss(top_k_percent=0.25), z, y) == pytest.approx(expected, rel=1e-5)
    assert value(CrossEntropyLoss(top_k_percent_pixels=0.25), z, y) == pytest.approx(expected, rel=1e-5)


def test_dice_per_class_and_flat():
    z, y = sample()
    valid = y != 255
    p = softmax(z.astype("float64")).transpose(0, 2, 3, 1)[valid]
    g = np.eye(K)[y[valid]]
    per_class = 1 - (2 * (p * g).sum(0) + 1) / (p.sum(0) + g.sum(0) + 1)
    assert value(DiceLoss(), z, y) == pytest.approx(per_class.mean(), rel=1e-5)
    w = np.array([1.0, 2.0, 0.5])
    assert value(DiceLoss(weight=w), z, y) == pytest.approx((w * per_class).sum() / w.sum(), rel=1e-5)
    flat = 1 - (2 * (p * g).sum() + 1) / (p.sum() + g.sum() + 1)
    bce = -(g * np.log(p) + (1 - g) * np.log(1 - p)).mean()
    assert value(BCEDiceLoss(), z, y) == pytest.approx(bce + 3 * flat, rel=1e-5)
    assert value(DiceLoss(reduction="flat"), z, y) == pytest.approx(flat, rel=1e-5)
    assert abs(flat - per_class.mean()) > 1e-3


def test_dice_of_each_image():
    """PaddleSeg's: ratios of each image, and weights that are factors in a mean over the classes."""
    z, y = sample()
    w = np.array([1.0, 2.0, 0.5])
    ratios = []
    for logits, labels in zip(z.astype("float64"), y):
        p, g = softmax(logits[None])[0].transpose(1, 2, 0)[labels != 255], np.eye(K)[labels[labels != 255]]
        ratios.append(1 - (2 * (p * g).sum(0) + 1) / (p.sum(0) + g.sum(0) + 1))
    assert value(DiceLoss(reduction="image"), z, y) == pytest.approx(np.mean(ratios), rel=1e-5)
    assert value(DiceLoss(reduction="image", weight=w), z, y) == pytest.approx((np.array(ratios) * w).mean(), rel=1e-5)


def test_focal():
    z, y = sample()
    p = truth_probability(z, y)
    assert value(FocalLoss(), z, y) == pytest.approx(-((1 - p) ** 2 * np.log(p)).mean(), rel=1e-4)
    assert value(FocalLoss(gamma=0), z, y) == pytest.approx(value(CrossEntropyLoss(), z, y), rel=1e-6)
    alpha = np.array([0.25, 1.0, 0.5])
    expected = -(alpha[y[y != 255]] * (1 - p) ** 2 * np.log(p)).mean()
    assert value(FocalLoss(alpha=alpha), z, y) == pytest.approx(expected, rel=1e-4)


def one_hot_logits(prediction):
    return 200.0 * (np.arange(K)[None, :, None, None] == prediction[:, None]).astype("float32")


def test_lovasz_of_a_hard_prediction_is_one_minus_mean_iou_of_present_classes():
    rng = np.random.default_rng(5)
    for seed in range(5):
        _, y = sample(seed=seed)
        y[y == 2] = 1 if seed % 2 else 2  # sometimes a class is absent
        prediction = rng.integers(0, K, y.shape)
        valid = y != 255
        ious = []
        for c in np.unique(y[valid]):
            t, q = y[valid] == c, prediction[valid] == c
            ious.append((t & q).sum() / (t | q).sum())
        assert value(LovaszSoftmaxLoss(), one_hot_logits(prediction), y) == pytest.approx(1 - np.mean(ious), abs=1e-5)


def test_lovasz_lies_between_0_and_1_and_its_slopes_add_up_to_1():
    for seed in range(5):
        assert 0.0 <= value(LovaszSoftmaxLoss(), *sample(seed=seed, scale=10.0)) <= 1.0
    truth = paddle.to_tensor(np.random.default_rng(0).integers(0, 2, (6, 20)).astype("float32"))
    slopes = jaccard_slopes(truth).numpy()
    assert (slopes >= -1e-6).all()
    np.testing.assert_allclose(slopes[truth.numpy().any(1)].sum(1), 1.0, rtol=1e-5)


def test_lovasz_agrees_with_a_plain_loop():
    z, y = sample(n=1, size=(5, 7))
    valid = y[0] != 255
    p, losses = softmax(z.astype("float64"))[0][:, valid], []
    for c in np.unique(y[0][valid]):
        g = (y[0][valid] == c).astype(float)
        errors = np.abs(g - p[c])
        order, last, total = np.argsort(-errors), 0.0, 0.0
        for i in range(len(order)):  # Jaccard loss when exactly the first i + 1 pixels are wrong
            wrong = order[: i + 1]
            missed, extra = g[wrong].sum(), (1 - g[wrong]).sum()
            jaccard = 1 - (g.sum() - missed) / (g.sum() + extra)
            total, last = total + errors[order[i]] * (jaccard - last), jaccard
        losses.append(total)
    assert value(LovaszSoftmaxLoss(), z, y) == pytest.approx(np.mean(losses), rel=1e-5)


def test_presence_targets_come_from_valid_labels():
    scores = np.random.default_rng(0).standard_normal((2, K)).astype("float32")
    label = np.array([[[0, 0], [2, 255]], [[255, 255], [255, 255]]])
    target = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    p = 1 / (1 + np.exp(-scores.astype("float64")))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    assert value(PresenceLoss(), scores, label) == pytest.approx(expected, rel=1e-5)
    out, gradient = value_and_gradient(PresenceLoss(), np.float32(1e4) * scores, label)
    assert np.isfinite(out) and np.isfinite(gradient).all()
    with pytest.raises(ValueError, match="PresenceLoss"):
        PresenceLoss()(paddle.zeros([2, K, 1, 1]), paddle.to_tensor(label))


def test_mixed_is_the_weighted_sum_and_passes_the_pixel_weight_on():
    z, y = sample()
    pixel = paddle.to_tensor(np.random.default_rng(2).random(y.shape).astype("float32"))
    mixed = MixedLoss(losses=[{"type": "CrossEntropyLoss"}, "LovaszSoftmaxLoss"], coef=[0.7, 0.3])
    expected = 0.7 * value(CrossEntropyLoss(), z, y, pixel) + 0.3 * value(LovaszSoftmaxLoss(), z, y)
    assert value(mixed, z, y, pixel) == pytest.approx(expected, rel=1e-5)
    offered = MixedLoss(losses=["CrossEntropyLoss", "LovaszSoftmaxLoss"], weight=[1, 2, 3], ignore_index=1)
    assert offered.losses[0].weight.tolist() == [1, 2, 3]
    assert offered.losses[1].ignore_index == 1


def test_bad_arguments():
    for build in (
        lambda: CrossEntropyLoss(reduction="none"),
        lambda: CrossEntropyLoss(label_smoothing=1.0),
        lambda: CrossEntropyLoss(top_k_percent_pixels=0.0),
        lambda: OhemCrossEntropyLoss(thresh=0.0),
        lambda: OhemCrossEntropyLoss(min_kept=0),
        lambda: OhemCrossEntropyLoss(top_k_percent=20),
        lambda: FocalLoss(gamma=-1),
        lambda: LovaszSoftmaxLoss(classes="some"),
        lambda: MixedLoss(losses=["DiceLoss"], coef=[1, 2]),
    ):
        with pytest.raises(ConfigError):
            build()
    z, y = sample()
    with pytest.raises(ValueError, match="weight has 2 entries"):
        CrossEntropyLoss(weight=[1, 2])(paddle.to_tensor(z), paddle.to_tensor(y))
