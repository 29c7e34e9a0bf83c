"""What PaddleSeg itself computes, for ``test_against_paddleseg.py``: run by an interpreter that has version 2.8.

    python paddleseg_answers.py FOLDER

The folder holds ``config.yml`` (with its bases), ``images.npy`` uint8 [N, H, W, 3] RGB, ``logits.npy``, ``labels.npy``
and ``draw.py`` (how to fill a network); ``answers.npz`` and ``enet.pdparams`` are written beside them. Nothing of this
project is imported.
"""

import json
import os
import sys
import warnings

import numpy as np
import paddle

os.chdir(sys.argv[1])
sys.path.insert(0, os.getcwd())
warnings.filterwarnings("ignore")

import paddleseg.models  # noqa: E402, F401  (fills the tables)
from draw import draw  # noqa: E402
from paddleseg.core import infer  # noqa: E402
from paddleseg.cvlibs import Config, SegBuilder, manager  # noqa: E402
from paddleseg.transforms import transforms as T  # noqa: E402
from paddleseg.utils import metrics  # noqa: E402


def as_in_paddle_2(operation):
    """PaddleSeg mixes floats and integers, which Paddle 3 refuses; Paddle 2 took the type of the first."""
    return lambda a, b: operation(a, b.astype(a.dtype) if isinstance(b, paddle.Tensor) else b)


for name in ("__add__", "__sub__", "__mul__"):
    setattr(paddle.Tensor, name, as_in_paddle_2(getattr(paddle.Tensor, name)))
_concat = paddle.concat  # of numbers, which in Paddle 2 were vectors of one
paddle.concat = lambda x, axis=0: _concat([v.reshape([1]) if v.ndim == 0 else v for v in x], axis)

answers = {}
images, logits, labels = (np.load(f"{name}.npy") for name in ("images", "logits", "labels"))
K = logits.shape[1]


def questions(name):
    with open(f"{name}.json", encoding="utf-8") as file:
        return json.load(file)


def augmented():
    """Class ids with flips, scales, both, and windows; the network's weights are saved."""
    network = manager.MODELS["ENet"](num_classes=K)
    rng = np.random.default_rng(5)
    state = network.state_dict()
    network.set_state_dict({name: draw(name, value.numpy(), rng) for name, value in state.items()})
    paddle.save(network.state_dict(), "enet.pdparams")
    network.eval()
    ways = questions("ways")
    with paddle.no_grad():
        for way, options in ways.items():
            found = []
            for image in images:
                x = paddle.to_tensor(((image.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])
                pred, _ = infer.aug_inference(network, x, trans_info=[], **options)
                found.append(pred.numpy()[0, 0])
            answers[f"aug {way}"] = np.stack(found)


def build(spec):
    spec = dict(spec)
    kind = spec.pop("type")
    if kind == "MixedLoss":
        spec["losses"] = [build(one) for one in spec["losses"]]
    return manager.LOSSES[kind](**spec)


def computed_losses():
    for name, spec in questions("losses").items():
        loss = build(spec)
        value = loss(paddle.to_tensor(logits), paddle.to_tensor(labels.astype("int64")))
        values = value if isinstance(value, (list, tuple)) else [value]
        answers[f"loss {name}"] = np.float64(sum(float(v) for v in values))


def merged_config():
    config = Config("config.yml", opts=questions("opts"))
    answers["config"] = np.array(json.dumps(config.dic))
    rates = []
    scheduler = SegBuilder(config).lr_scheduler
    for _ in range(config.iters):
        rates.append(scheduler.get_lr())
        scheduler.step()
    answers["rates"] = np.array(rates)


def transformed():
    for name, spec in questions("transforms").items():
        spec = dict(spec)
        data = {"img": images[0].astype("float32"), "trans_info": [], "gt_fields": []}
        answers[f"transform {name}"] = getattr(T, spec.pop("type"))(**spec)(data)["img"]


def scores():
    areas = metrics.calculate_area(
        paddle.to_tensor(logits.argmax(1).astype("int32")), paddle.to_tensor(labels.astype("int32")), K
    )
    ious, mean = metrics.mean_iou(*areas)
    answers.update(ious=np.asarray(ious), miou=np.float64(mean), kappa=np.float64(metrics.kappa(*areas)))


for part in (computed_losses, merged_config, transformed, scores, augmented):
    part()
np.savez("answers.npz", **answers)
