"""The reported cross-entropy is that of the training loss."""

import numpy as np
import paddle
import pytest

from paddleseg_lite.losses import build_criterion
from paddleseg_lite.metrics import MeanCrossEntropy


@pytest.mark.parametrize("scale", [1, 12])
@pytest.mark.parametrize("classes, ignore", [(2, 255), (11, 255), (300, 0)])
def test_it_is_the_training_loss(classes, ignore, scale):
    rng = np.random.default_rng(0)
    logits = scale * np.clip(rng.standard_normal((classes, 17, 23)), -2.5, 2.5).astype(np.float32)
    label = rng.integers(0, classes, (17, 23)).astype(np.int32)
    label[:3] = ignore
    paddles = build_criterion({"out": {"type": "CrossEntropyLoss"}}, num_classes=classes, ignore_index=ignore)
    expected = float(paddles.main(paddle.to_tensor(logits[None]), paddle.to_tensor(label[None].astype("int64"))))
    assert MeanCrossEntropy(ignore)(logits, label) == pytest.approx(expected, rel=1e-6)


def test_large_logits_do_not_overflow():
    logits = np.asarray([500.0, -500.0], np.float32).reshape(2, 1, 1)
    assert MeanCrossEntropy()(logits, np.asarray([[1]])) == 1000.0


def test_without_a_valid_pixel_it_is_zero():
    label = np.full((4, 5), 255, np.uint8)
    assert MeanCrossEntropy()(np.ones((3, 4, 5), np.float32), label) == 0.0
    label[0, 0] = 7  # no such class
    assert MeanCrossEntropy()(np.ones((3, 4, 5), np.float32), label) == 0.0
