"""Day 7: does GINet know which classes a picture lacks? ``python docs/course/scripts/day7.py --net ginet``.

Trains a network of train_basic.py on windows of 32 pixels, in which many
of the classes are missing, and asks its presence head about windows it never saw.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from train_basic import NETS, train


def windows(pictures, side):
    """``(images [M, 3, s, s], labels [M, s, s])``: every picture cut into a grid, nothing left over or shared."""
    images, labels = [], []
    for batch in pictures:
        image, label = batch["image"][0].numpy(), batch["label"][0]
        for top in range(0, label.shape[0] - side + 1, side):
            for left in range(0, label.shape[1] - side + 1, side):
                images.append(image[:, top : top + side, left : left + side])
                labels.append(label[top : top + side, left : left + side])
    return np.stack(images), np.stack(labels)


def ask(net="ginet", lr=2e-3, num_epochs=8, batch_size=16, num_samples=400, crop=32):
    """Train and ask; returns mIoU on windows and, with a presence head, how often it is right."""
    model, _ = train(net, lr, num_epochs, batch_size, num_samples, crop=crop)
    model.eval()  # running statistics, no dropout: windows one by one would give the same
    import paddle

    from paddleseg_lite import data
    from paddleseg_lite.metrics import ConfusionMatrix

    pictures = data.Scenes(mode="val", num_samples=40, num_classes=8, transforms=[{"type": "Normalize"}])
    images, labels = windows(data.eval_batches(pictures), crop)
    present = np.stack([[(label == c).any() for c in range(8)] for label in labels])  # [M, K]
    matrix, scores = ConfusionMatrix(8), []
    for start in range(0, len(images), 40):
        x = paddle.to_tensor(images[start : start + 40])
        with paddle.no_grad():
            matrix.update(model(x)["out"].argmax(1).numpy(), labels[start : start + 40])
            if net == "ginet":
                _, extras = model.unit(model.reduce(model.encode(x)[-1]))  # the head that only training uses
                scores.append(extras["presence"].numpy())
    result = {"mIoU": matrix.compute().mIoU}
    print(f"{net} on {len(images)} windows: mIoU {result['mIoU']:.4f}; classes present {100 * present.mean():.1f} %")
    if scores:
        yes = np.concatenate(scores) > 0
        for name, share in (
            ("right", yes == present),
            ("right where present", yes[present]),
            ("right where absent", ~yes[~present]),
        ):
            result[name] = float(share.mean())
            print(f"presence {name}: {result[name]:.4f}")
    return result


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="ginet", choices=NETS)
    flags = {"lr": 2e-3, "num_epochs": 8, "batch_size": 16, "num_samples": 400, "crop": 32}
    for flag, default in flags.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    ask(**vars(p.parse_args()))
