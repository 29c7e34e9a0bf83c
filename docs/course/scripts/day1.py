"""Day 1: one linear layer per pixel, trained and scored by hand: ``python docs/course/scripts/day1.py --num_epochs 2``.

``pixel`` is a 1x1 convolution: it sees a colour and nothing else. ``patch`` is
three 3x3 convolutions: it sees 7 x 7 pixels. What context buys is the difference.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled

import numpy as np

import paddleseg_lite

NETS = ("pixel", "patch")


def confusion(truth, predicted, num_classes):
    """``[K, K]`` counts, rows truth: one bincount over ``K * truth + predicted``."""
    valid = truth < num_classes  # 255 is ignored
    cell = num_classes * truth[valid].astype(np.int64) + predicted[valid]
    return np.bincount(cell, minlength=num_classes**2).reshape(num_classes, num_classes)


def mean_iou(matrix):
    """IoU_i = n_ii / (t_i + p_i - n_ii), averaged over classes that occur in truth or prediction."""
    hit = np.diag(matrix)
    union = matrix.sum(1) + matrix.sum(0) - hit
    return float((hit[union > 0] / union[union > 0]).mean())


def train(net="pixel", lr=0.02, num_epochs=2, batch_size=8, num_samples=160):
    """Train a tiny classifier of pixels; returns ``(pixel accuracy, mIoU)``."""
    paddleseg_lite.setup(seed=0)
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    from paddleseg_lite import data

    def scenes(mode, n):
        return data.Scenes(mode=mode, num_samples=n, size=(64, 64), transforms=[{"type": "Normalize"}])

    layers = [nn.Conv2D(3, 8, 1)]
    if net == "patch":
        layers = [
            nn.Conv2D(3, 24, 3, padding=1),
            nn.ReLU(),
            nn.Conv2D(24, 24, 3, padding=1),
            nn.ReLU(),
            nn.Conv2D(24, 8, 3, padding=1),
        ]
    model = nn.Sequential(*layers)
    optimizer = paddle.optimizer.Adam(lr, parameters=model.parameters())
    train_set, val_set = scenes("train", num_samples), scenes("val", 24)
    sampler = data.BatchSampler(len(train_set), batch_size, seed=0)
    for batch in data.train_batches(train_set, sampler, seed=0, stop_iter=num_epochs * sampler.batches_per_epoch):
        loss = F.cross_entropy(model(batch["image"]), batch["label"].unsqueeze(1), axis=1, ignore_index=255)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()

    matrix = np.zeros((8, 8), np.int64)
    for batch in data.eval_batches(val_set):
        predicted = model(batch["image"]).argmax(1).numpy()[0]
        matrix += confusion(batch["label"][0], predicted, 8)  # one matrix for the whole set
    accuracy, miou = np.trace(matrix) / matrix.sum(), mean_iou(matrix)
    print(f"{net}: loss {float(loss):.3f}, pixel accuracy {accuracy:.3f}, mIoU {miou:.3f}")
    return float(accuracy), miou


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="pixel", choices=NETS)
    for flag, default in {"lr": 0.02, "num_epochs": 2, "batch_size": 8, "num_samples": 160}.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    train(**vars(p.parse_args()))
