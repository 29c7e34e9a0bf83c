"""What ``docs/migration.md`` calls the same, beside PaddleSeg 2.8 itself.

PaddleSeg runs in an interpreter of its own, named by ``PADDLESEG_LITE_PEER_PYTHON``; without one these are skipped.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml

from paddleseg_lite.config import load_config
from paddleseg_lite.data.transforms import Compose
from paddleseg_lite.inference.labels import predict_labels
from paddleseg_lite.inference.options import InferenceOptions
from paddleseg_lite.interop import origin_outputs
from paddleseg_lite.losses import build_criterion
from paddleseg_lite.metrics import ConfusionMatrix
from paddleseg_lite.models import build_model
from paddleseg_lite.optim.schedules import build_scheduler
from paddleseg_lite.weights import in_names_of, load_strict, read_weights

pytestmark = pytest.mark.slow
K, SIZE = 5, (64, 96)
WAYS = {
    "flip": {"scales": [1.0], "flip_horizontal": True},
    "flips": {"scales": [1.0], "flip_horizontal": True, "flip_vertical": True},
    "scales": {"scales": [0.75, 1.0, 1.25]},
    "both": {"scales": [0.5, 1.0, 1.5], "flip_horizontal": True, "flip_vertical": True},
    "windows": {"scales": [1.0, 1.5], "is_slide": True, "crop_size": [48, 32], "stride": [32, 24]},
}
WEIGHT = [0.5, 2.0, 1.0, 1.5, 0.25]
LOSSES = {
    "cross-entropy": {"type": "CrossEntropyLoss"},
    "weights": {"type": "CrossEntropyLoss", "weight": WEIGHT},
    "hardest": {"type": "CrossEntropyLoss", "top_k_percent_pixels": 0.3},
    "ohem": {"type": "OhemCrossEntropyLoss", "thresh": 0.4, "min_kept": 500},
    "dice": {"type": "DiceLoss"},
    "dice with weights": {"type": "DiceLoss", "weight": WEIGHT, "smooth": 0.5},
    "lovasz": {"type": "LovaszSoftmaxLoss"},
    "focal": {"type": "MultiClassFocalLoss", "num_class": K, "gamma": 2.0},
    "mixed": {
        "type": "MixedLoss",
        "losses": [{"type": "CrossEntropyLoss"}, {"type": "LovaszSoftmaxLoss"}],
        "coef": [0.8, 0.2],
    },
}
TRANSFORMS = {
    "resize": {"type": "Resize", "target_size": [70, 30]},
    "long": {"type": "ResizeByLong", "long_size": 100},
    "short": {"type": "ResizeByShort", "short_size": 64},
    "limit": {"type": "LimitLong", "max_long": 33},
    "padding": {"type": "Padding", "target_size": [112, 80]},
    "normalize": {"type": "Normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}
BASES = {
    "one.yml": {"batch_size": 3, "optimizer": {"type": "sgd", "momentum": 0.8}},
    "two.yml": {"batch_size": 7, "optimizer": {"type": "adam", "weight_decay": 1e-4}, "iters": 30},
    "three.yml": {"lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.1, "end_lr": 0.0, "power": 0.9}},
}
OPTS = ["test_config.scales=0.75,1.0,1.25", "test_config.crop_size=(32,24)", "lr_scheduler.power=0.5"]


def own_config(folder):
    data = {"type": "Dataset", "dataset_root": str(folder), "num_classes": K, "transforms": [{"type": "Normalize"}]}
    return {
        "_base_": ["three.yml", "one.yml", "two.yml"],
        "optimizer": {"_inherited_": False, "type": "SGD", "momentum": 0.9},
        "train_dataset": {**data, "train_path": str(folder / "list.txt"), "mode": "train"},
        "val_dataset": {**data, "val_path": str(folder / "list.txt"), "mode": "val"},
        "model": {"type": "UNet", "num_classes": K},
        "lr_scheduler": {"warmup_iters": 6, "warmup_start_lr": 0.001},
        "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1]},
        "test_config": {"scales": 1.0},
    }


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """The folder of the questions, with PaddleSeg's answers."""
    python = os.environ.get("PADDLESEG_LITE_PEER_PYTHON")
    if not python:
        pytest.skip("PADDLESEG_LITE_PEER_PYTHON names no interpreter with PaddleSeg 2.8")
    folder = tmp_path_factory.mktemp("peer")
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (20, 8, 12, 3)).astype(np.uint8)
    images = coarse.repeat(8, 1).repeat(8, 2) // 2 + rng.integers(0, 128, (20, *SIZE, 3)).astype(np.uint8)
    labels = rng.integers(0, K - 1, (3, *SIZE)).astype(np.uint8)  # the last class does not occur
    labels[:, :5] = 255
    logits = rng.normal(size=(3, K, *SIZE)).astype(np.float32) * 2
    logits[:, K - 1] -= 50
    for name, array in (("images", images), ("labels", labels), ("logits", logits)):
        np.save(folder / f"{name}.npy", array)
    for name, content in (("ways", WAYS), ("losses", LOSSES), ("transforms", TRANSFORMS), ("opts", OPTS)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    for name, content in {**BASES, "config.yml": own_config(folder)}.items():
        (folder / name).write_text(yaml.safe_dump(content))
    (folder / "list.txt").write_text("")
    shutil.copy(origin_outputs.__file__, folder / "draw.py")
    script = Path(__file__).with_name("paddleseg_answers.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([python, script, folder], capture_output=True, text=True, env=environment, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "answers.npz") as file:
        return folder, {name: file[name] for name in file.files}


@pytest.mark.parametrize("way", WAYS)
def test_aug_eval_gives_the_same_labels_on_20_pictures(peer, way):
    folder, answers = peer
    model = build_model({"type": "ENet", "style": "paddleseg", "num_classes": K})
    path = folder / "enet.pdparams"
    load_strict(model, in_names_of(model, read_weights(path), str(path)), source=str(path))
    model.eval()
    options = InferenceOptions(
        aug_eval=True, **{k: tuple(v) if isinstance(v, list) else v for k, v in WAYS[way].items()}
    )
    different = 0
    for image, theirs in zip(np.load(folder / "images.npy"), answers[f"aug {way}"]):
        x = ((image.astype("float32") / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]
        different += int((predict_labels(model, x, options=options)[0] != theirs).sum())
    assert different == 0, f"{different} of {answers[f'aug {way}'].size} pixels"


@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_the_same_value(peer, name):
    from paddleseg_lite.interop.findings import Findings
    from paddleseg_lite.interop.paddleseg_training import translate_loss_types

    folder, answers = peer
    found = Findings("config", {})
    loss = translate_loss_types({"types": [LOSSES[name]], "coef": [1]}, 1, found)
    found.finish()
    criterion = build_criterion({"out": loss["types"][0]}, num_classes=K)
    logits, labels = np.load(folder / "logits.npy"), np.load(folder / "labels.npy").astype("int64")
    ours = float(criterion({"out": paddle.to_tensor(logits)}, {"label": paddle.to_tensor(labels)})[0])
    assert ours == pytest.approx(float(answers[f"loss {name}"]), rel=5e-5)  # there 1e-5 stands beside some divisors


def test_bases_options_and_rates(peer):
    folder, answers = peer
    theirs = json.loads(str(answers["config"]))
    ours = load_config(folder / "config.yml", opts=OPTS, check=False)
    assert ours.batch_size == theirs["batch_size"] == 3  # of the first base that says so
    assert ours.optimizer == {**theirs["optimizer"], "type": "sgd"}
    assert ours.test_config.scales == theirs["test_config"]["scales"]
    assert ours.test_config.crop_size == theirs["test_config"]["crop_size"]
    schedule = build_scheduler(ours.lr_scheduler, iters=ours.iters)
    rates = []
    for _ in range(ours.iters):
        rates.append(schedule.get_lr())
        schedule.step()
    np.testing.assert_allclose(rates, answers["rates"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_give_the_same_picture(peer, name):
    """Within rounding: PaddleSeg resizes floats, here pictures stay uint8 until they are normalised."""
    folder, answers = peer
    image = np.load(folder / "images.npy")[0]
    sample = {"image": image, "meta": {"path": "x", "size": image.shape[:2], "trans_info": []}}
    ours = Compose([TRANSFORMS[name]])(sample, np.random.default_rng(0))["image"]
    theirs = answers[f"transform {name}"]
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(np.float64) - theirs).max() <= (1e-5 if name == "normalize" else 1.0)


def test_scores(peer):
    """An absent class counts as 0 in PaddleSeg's mean: ``--miou_convention zero``."""
    folder, answers = peer
    matrix = ConfusionMatrix(K, ignore_index=255)
    matrix.update(np.load(folder / "logits.npy").argmax(1), np.load(folder / "labels.npy"))
    scores = matrix.compute("zero")
    assert float(scores.mIoU) == pytest.approx(float(answers["miou"]), abs=1e-6)
    assert float(scores.kappa) == pytest.approx(float(answers["kappa"]), abs=1e-6)
    np.testing.assert_allclose(np.nan_to_num(scores.IoU), answers["ious"], atol=1e-6)
