"""Day 4: the dense CRF behind a DeepLab V1: ``python docs/course/scripts/day4.py --net deeplab_v1``.

Trains the network of train_basic.py, then lets every pixel of a prediction vote
for the class of all others, the more the nearer and the more alike they are.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run from a checkout, uninstalled
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from train_basic import NETS, train


def scores(predictions, labels):
    """``(mIoU, IoU of poles)`` of class maps."""
    from paddleseg_lite.metrics import ConfusionMatrix

    matrix = ConfusionMatrix(8)
    for predicted, label in zip(predictions, labels):
        matrix.update(predicted, label)
    result = matrix.compute()
    return result.mIoU, float(result.IoU[5])


def refine(net="deeplab_v1", lr=2e-3, num_epochs=2, batch_size=8, num_samples=400, images=20, xy=6.0, rgb=12.0):
    """Train, predict, refine; returns the scores before and after, and with a CRF that does not see the picture.

    ``xy``, ``rgb``: how far two pixels may stand apart, in pixels and in grey levels, and still vote for each other.
    """
    model, _ = train(net, lr, num_epochs, batch_size, num_samples)
    import paddle
    import paddle.nn.functional as F

    from paddleseg_lite import data
    from paddleseg_lite.postprocess import DenseCRF

    pictures = data.Scenes(mode="val", num_samples=images, num_classes=8)
    normalised = data.Scenes(mode="val", num_samples=images, num_classes=8, transforms=[{"type": "Normalize"}])
    crf = DenseCRF(bi_w=4, bi_xy_std=xy, bi_rgb_std=rgb, pos_w=1, pos_xy_std=1, iterations=5)
    blind = DenseCRF(bi_w=0, bi_xy_std=xy, bi_rgb_std=rgb, pos_w=1, pos_xy_std=1, iterations=5)
    labels, found = [], {"network": [], "CRF": [], "CRF, colours unseen": []}
    for index, batch in enumerate(data.eval_batches(normalised)):
        image = pictures.read(index)["image"]  # as it is, 0 to 255
        with paddle.no_grad():
            p = F.softmax(model(batch["image"])["out"], axis=1)[0].numpy()  # [K, H, W]: the unary term is -log p
        labels.append(batch["label"][0])
        for name, q in (("network", p), ("CRF", crf(p, image)), ("CRF, colours unseen", blind(p, image))):
            found[name].append(q.argmax(0))
    results = {name: scores(predictions, labels) for name, predictions in found.items()}
    for name, (miou, poles) in results.items():
        print(f"{name}: mIoU {miou:.4f}, poles {poles:.4f}")
    changed = np.mean([a != b for a, b in zip(found["network"], found["CRF"])])
    print(f"the CRF changed {100 * changed:.1f} % of the pixels")
    return results


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", default="deeplab_v1", choices=NETS)
    flags = {"lr": 2e-3, "num_epochs": 2, "batch_size": 8, "num_samples": 400, "images": 20, "xy": 6.0, "rgb": 12.0}
    for flag, default in flags.items():
        p.add_argument(f"--{flag}", type=type(default), default=default)
    refine(**vars(p.parse_args()))
