"""Losses by output name, labels for logits of another size, and their messages."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddleseg_lite.config.listed_losses import translate_loss
from paddleseg_lite.errors import ConfigError, DataError
from paddleseg_lite.losses import CrossEntropyLoss, build_criterion, check_labels, crop_labels, fit_labels

CE = {"type": "CrossEntropyLoss"}


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, (2, 8, 8))
    label[0, :2] = 255
    return {"label": paddle.to_tensor(label), "weight": paddle.to_tensor(rng.random((2, 8, 8), dtype="float32"))}


def logits(*shape):
    return paddle.to_tensor(np.random.default_rng(1).standard_normal(shape).astype("float32"))


def test_total_is_the_weighted_sum_of_the_parts(batch):
    outputs = {"out": logits(2, 3, 8, 8), "aux": logits(2, 3, 8, 8), "presence": logits(2, 3)}
    spec = {"out": CE, "aux": {**CE, "coef": 0.4}, "presence": {"type": "PresenceLoss", "coef": 0.2}}
    criterion = build_criterion(spec, num_classes=3)
    total, parts = criterion(outputs, batch)
    assert list(parts) == ["out", "aux", "presence"]
    expected = float(parts["out"]) + 0.4 * float(parts["aux"]) + 0.2 * float(parts["presence"])
    assert float(total) == pytest.approx(expected, rel=1e-6)
    direct = CrossEntropyLoss()(outputs["out"], batch["label"], batch["weight"])
    assert float(parts["out"]) == pytest.approx(float(direct))
    unweighted = CrossEntropyLoss()(outputs["out"], batch["label"])
    assert float(criterion.main(outputs["out"], batch["label"])) == pytest.approx(float(unweighted))
    assert float(unweighted) != pytest.approx(float(direct), rel=1e-4)


def test_shared_arguments_are_offered(batch):
    spec = {"out": CE, "aux": {**CE, "weight": [3, 2, 1], "ignore_index": 7}, "d": "DiceLoss", "l": "LovaszSoftmaxLoss"}
    entries = build_criterion(spec, num_classes=3, ignore_index=9, class_weights=[1, 2, 3]).entries
    assert entries["out"].loss.weight.tolist() == [1, 2, 3] and entries["out"].loss.ignore_index == 9
    assert entries["aux"].loss.weight.tolist() == [3, 2, 1] and entries["aux"].loss.ignore_index == 7
    assert entries["d"].loss.weight.tolist() == [1, 2, 3]
    assert entries["l"].loss.weight is None


def test_outputs_and_losses_must_match(batch):
    out, aux = logits(2, 3, 8, 8), logits(2, 3, 8, 8)
    criterion = build_criterion({"out": CE, "aux": CE}, num_classes=3)
    with pytest.raises(ConfigError, match=r"loss 'aux' has no such output.*in training: out; losses: out, aux"):
        criterion({"out": out}, batch)
    criterion = build_criterion({"out": CE}, num_classes=3)
    with pytest.raises(ConfigError, match=r"'aux' has no loss.*out, aux; losses: out\..*CrossEntropyLoss, coef: 0.4"):
        criterion({"out": out, "aux": aux}, batch)
    with pytest.raises(ConfigError, match="PresenceLoss, coef"):
        criterion({"out": out, "presence": logits(2, 3)}, batch)


def test_coef_0_leaves_an_output_out(batch):
    criterion = build_criterion({"out": CE, "aux": {**CE, "coef": 0}}, num_classes=3)
    total, parts = criterion({"out": logits(2, 3, 8, 8), "aux": logits(2, 3, 8, 8)}, batch)
    assert list(parts) == ["out"] and float(total) == float(parts["out"])


def test_messages_of_a_bad_spec():
    for spec, message in (
        ([], "loss is written as"),
        ({"out": {"type": "CrossEntropLoss"}}, "Did you mean 'CrossEntropyLoss'"),
        ({"out": {**CE, "wieght": [1, 2, 3]}}, "Did you mean 'weight'"),
        ({"out": {**CE, "weight": [1, 2]}}, "weights for 2 classes, but there are 3"),
        ({"out": {"type": "MixedLoss", "losses": [{**CE, "weight": [1, 2]}]}}, "weights for 2 classes"),
        ({"out": {**CE, "coef": "0.4x"}}, "coef is a number"),
        ({"out": {**CE, "label_fit": "bilinear"}}, "label_fit"),
    ):
        with pytest.raises(ConfigError, match=message):
            build_criterion(spec, num_classes=3)


def test_wrong_tensor_ranks_are_named(batch):
    criterion = build_criterion({"out": CE}, num_classes=3)
    with pytest.raises(ValueError, match=r"output 'out'.*\[2, 3\]"):
        criterion({"out": logits(2, 3)}, batch)


def test_labels_follow_smaller_logits(batch):
    criterion = build_criterion({"out": CE}, num_classes=3)
    small = logits(2, 3, 4, 4)
    _, parts = criterion({"out": small}, batch)
    picked = batch["label"][:, 1::2, 1::2], batch["weight"][:, 1::2, 1::2]
    assert float(parts["out"]) == pytest.approx(float(CrossEntropyLoss()(small, *picked)))


def test_fit_labels_picks_the_grid_of_a_padded_stride_8_network():
    label = paddle.arange(321).expand([2, 321, 321]).astype("int64")
    fitted = fit_labels(label, (41, 41))
    assert fitted.shape == [2, 41, 41]
    assert fitted[0, 0].tolist() == list(range(0, 321, 8))
    assert fit_labels(label, (321, 321)) is label
    assert fit_labels(label[:, :6, :6], (2, 12)).shape == [2, 2, 12]
    assert fit_labels(label[:, :6, :6], (3, 3))[0, 0].tolist() == [1, 3, 5]
    assert fit_labels(label[:, :6, :6], (12, 12))[0, 0].tolist() == [i // 2 for i in range(12)]


def test_valid_convolutions_take_the_centre(batch):
    criterion = build_criterion({"out": {**CE, "label_fit": "crop"}}, num_classes=3)
    small = logits(2, 3, 4, 4)
    _, parts = criterion({"out": small}, batch)
    centre = batch["label"][:, 2:6, 2:6], batch["weight"][:, 2:6, 2:6]
    assert float(parts["out"]) == pytest.approx(float(CrossEntropyLoss()(small, *centre)))
    with pytest.raises(ValueError, match="larger than the labels"):
        crop_labels(batch["label"], (9, 9))


def test_paddleseg_list_with_a_mixed_loss(batch):
    mixed = {"type": "MixedLoss", "losses": ["CrossEntropyLoss", "LovaszSoftmaxLoss"], "coef": [0.8, 0.2]}
    spec = translate_loss({"types": [mixed, CE], "coef": [2.0, 0.5]})
    criterion = build_criterion(spec, num_classes=3)
    assert criterion.entries["out"].loss.coef == [1.6, 0.4] and criterion.entries["aux"].coef == 0.5
    total, parts = criterion({"out": logits(2, 3, 8, 8), "aux": logits(2, 3, 8, 8)}, batch)
    assert float(total) == pytest.approx(float(parts["out"]) + 0.5 * float(parts["aux"]), rel=1e-6)


def test_check_labels_names_ids_and_remedy():
    check_labels(np.array([[0, 2, 255]], dtype=np.uint8), 3)
    with pytest.raises(DataError, match=r"a.png: label ids \[3, 9\].*num_classes to 10"):
        check_labels(np.array([0, 3, 9, 255]), 3, where="a.png")
    with pytest.raises(DataError, match="float32"):
        check_labels(paddle.zeros([2, 2]), 3)
