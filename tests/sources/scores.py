"""Metrics and losses of the notes and articles, against loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import paddle

from paddleseg_lite.losses import BCEDiceLoss, CrossEntropyLoss, DiceLoss, PresenceLoss, build_criterion
from paddleseg_lite.losses.presence import class_presence
from paddleseg_lite.metrics import ConfusionMatrix
from tests.golden.formula import uniform
from tests.sources.items import KERAS, item
from tests.sources.taps import read

K, IGNORED = 4, 255


def sample(ignored=True):
    """Logits ``[2, K, 5, 7]`` and labels, class 3 in the first image only."""
    z = (3.0 * uniform("scores", [2, K, 5, 7])).astype(np.float32)
    label = (np.abs(uniform("truth", [2, 5, 7])) * K).astype(np.int64)
    label[1][label[1] == 3] = 0
    if ignored:
        label[:, 0, :3] = IGNORED
    return z, label


def pixels(z, label):
    """``(scores [K], class)`` of every valid pixel."""
    for n, y, x in np.ndindex(*label.shape):
        if label[n, y, x] != IGNORED:
            yield z[n, :, y, x].astype(np.float64), int(label[n, y, x])


def probabilities(scores):
    powers = [math.exp(s - max(scores)) for s in scores]
    return [p / sum(powers) for p in powers]


def counted():
    z, label = sample()
    matrix = [[0] * K for _ in range(K)]
    for scores, truth in pixels(z, label):
        matrix[truth][max(range(K), key=lambda c: scores[c])] += 1
    return matrix, ConfusionMatrix(K).update(z.argmax(1), label)


@item("day 1", "confusion matrix: n_ij, truth i as class j", tolerance=0)
def confusion():
    theirs, ours = counted()
    return ours.matrix, theirs


@item("day 1", "pixel accuracy (the notes' mAcc): sum n_ii / N", tolerance=1e-12)
def accuracy():
    n, ours = counted()
    return ours.compute().aAcc, sum(n[i][i] for i in range(K)) / sum(map(sum, n))


@item("day 1", "mean class accuracy: mean of n_ii / t_i", tolerance=1e-12)
def class_accuracy():
    n, ours = counted()
    return ours.compute().mAcc, sum(n[i][i] / sum(n[i]) for i in range(K)) / K


@item("day 1", "IoU of each class: n_ii / (t_i + p_i - n_ii)", tolerance=1e-12)
def iou():
    n, ours = counted()
    return ours.compute().IoU, [n[i][i] / (sum(n[i]) + sum(row[i] for row in n) - n[i][i]) for i in range(K)]


@item("day 1", "mIoU over the dataset", tolerance=1e-12)
def miou():
    _, theirs = iou()
    return counted()[1].compute().mIoU, sum(theirs) / K


@item("day 2", "frequency-weighted IoU: sum t_i / N IoU_i", tolerance=1e-12)
def fwiou():
    n, ours = counted()
    total = sum(map(sum, n))
    return ours.compute().fwIoU, sum(sum(row) / total * value for row, value in zip(n, iou()[1]))


def value(loss, z, label):
    return float(loss(paddle.to_tensor(z), paddle.to_tensor(label)))


@item("day 1", "softmax cross-entropy, mean over the pixels that are not ignored")
def cross_entropy():
    z, label = sample()
    terms = [-math.log(probabilities(scores)[truth]) for scores, truth in pixels(z, label)]
    return value(CrossEntropyLoss(), z, label), sum(terms) / len(terms)


@item("day 1", "its gradient: (p - one-hot) / N, 0 where ignored")
def cross_entropy_gradient():
    z, label = sample()
    x = paddle.to_tensor(z)
    x.stop_gradient = False
    CrossEntropyLoss()(x, paddle.to_tensor(label)).backward()
    theirs, count = np.zeros_like(z), (label != IGNORED).sum()
    for n, y, c in np.ndindex(*label.shape):
        if label[n, y, c] != IGNORED:
            theirs[n, :, y, c] = np.array(probabilities(z[n, :, y, c].astype(float))) / count
            theirs[n, label[n, y, c], y, c] -= 1 / count
    return x.grad.numpy(), theirs


@item("day 3", "PSPNet's loss: main + 0.4 auxiliary")
def auxiliary():
    z, label = sample()
    criterion = build_criterion(
        {"out": "CrossEntropyLoss", "aux": {"type": "CrossEntropyLoss", "coef": 0.4}}, num_classes=K
    )
    outputs = {"out": paddle.to_tensor(z), "aux": paddle.to_tensor(z[:, ::-1].copy())}
    ours, _ = criterion(outputs, {"label": paddle.to_tensor(label)})
    losses = []
    for scores in (z, z[:, ::-1]):
        terms = [-math.log(probabilities(s)[truth]) for s, truth in pixels(scores, label)]
        losses.append(sum(terms) / len(terms))
    return float(ours), losses[0] + 0.4 * losses[1]


def flat_dice(z, label):
    shared = total = 0.0
    for scores, truth in pixels(z, label):
        p = probabilities(scores)
        shared, total = shared + p[truth], total + sum(p) + 1.0
    return (2 * shared + 1) / (total + 1)


@item("ENet article", "flat dice loss, written out")
def dice_flat():
    z, label = sample()
    return value(DiceLoss(reduction="flat"), z, label), 1 - flat_dice(z, label)


@item("ENet article", "dice as a mean over classes (ours; the article has the flat one)")
def dice_by_class():
    z, label = sample()
    both = [[0.0, 0.0] for _ in range(K)]
    for scores, truth in pixels(z, label):
        p = probabilities(scores)
        for c in range(K):
            both[c][0] += p[c] * (c == truth)
            both[c][1] += p[c] + (c == truth)
    return value(DiceLoss(), z, label), sum(1 - (2 * a + 1) / (b + 1) for a, b in both) / K


def keras_losses():
    """The three values that Keras computed, and the logits and labels it saw."""
    _, arrays = read("keras.npz")
    z = (3.0 * uniform("losses", [2, 4, 6, 3])).astype(np.float32).transpose(0, 3, 1, 2)
    label = (np.abs(uniform("labels", [2, 4, 6])) * 3).astype(np.int64)
    return {key: float(arrays[f"losses.{key}"][0]) for key in ("bce", "dice", "total")}, z, label


@item("ENet article", "binary cross-entropy of the softmax", reference=KERAS)
def binary_cross_entropy():
    theirs, z, label = keras_losses()
    return value(BCEDiceLoss(dice_weight=0.0), z, label), theirs["bce"]


@item("ENet article", "flat dice loss, by Keras's operations", reference=KERAS)
def dice_by_keras():
    theirs, z, label = keras_losses()
    return value(DiceLoss(reduction="flat"), z, label), 1 - theirs["dice"]


@item("ENet article", "total loss: BCE + 3 (1 - dice)", reference=KERAS)
def total_loss():
    theirs, z, label = keras_losses()
    return value(BCEDiceLoss(), z, label), theirs["total"]


def present(label):
    return [[float((image == c).any()) for c in range(K)] for image in label]


@item("progressive PSPNet article", "presence: which classes an image has, 255 left out", tolerance=0)
def presence_vector():
    _, label = sample()
    return class_presence(paddle.to_tensor(label), K).numpy(), present(label)


def presence_loss(scores, label):
    terms = []
    for row, truth in zip(scores.astype(np.float64), present(label)):
        for s, y in zip(row, truth):
            p = 1 / (1 + math.exp(-s))
            terms.append(-math.log(p) if y else -math.log(1 - p))
    return sum(terms) / len(terms)


@item("progressive PSPNet article", "NLL of log-softmax + alpha BCE of presence, alpha 1")
def progressive_loss():
    z, label = sample()
    scores = (2 * uniform("presence", [2, K])).astype(np.float32)
    criterion = build_criterion({"out": "CrossEntropyLoss", "presence": "PresenceLoss"}, num_classes=K)
    ours, _ = criterion(
        {"out": paddle.to_tensor(z), "presence": paddle.to_tensor(scores)}, {"label": paddle.to_tensor(label)}
    )
    terms = [-(s[t] - math.log(sum(math.exp(v) for v in s))) for s, t in pixels(z, label)]
    return float(ours), sum(terms) / len(terms) + presence_loss(scores, label)


@item("day 7", "SC-loss of GINet: BCE of the class nodes' presence, mean over N K")
def sc_loss():
    _, label = sample()
    scores = (2 * uniform("semantic", [2, K])).astype(np.float32)
    return value(PresenceLoss(), scores, label), presence_loss(scores, label)
