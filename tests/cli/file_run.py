"""A tiny network trained on files of its own, and what the tests about files need around it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZE = (36, 44)


def write(path: Path, array: np.ndarray) -> Path:
    """Write RGB or grey with OpenCV alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = array[..., ::-1] if array.ndim == 3 else array
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(array))[1].tobytes())
    return path


def scene(seed: int, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its label: two squares, each class a colour of its own."""
    rng = np.random.default_rng(seed)
    label = np.zeros(size, np.uint8)
    y, x = rng.integers(1, 12, 2)
    label[y : y + 14, x : x + 14] = 1
    label[-12:, -12:] = 2
    image = label[..., None] * np.array([90, 40, 110]) + rng.integers(0, 60, (*size, 3))
    return image.astype(np.uint8), label


def make_run(folder: Path, **dataset) -> Path:
    """Train for two steps; the run's folder. ``train``, ``val`` and ``test`` lists lie in ``folder/data``."""
    from paddleseg_lite import train
    from paddleseg_lite.config import Config

    lines = []
    for i in range(5):
        image, label = scene(i)
        write(folder / f"data/images/{i}.png", image)
        write(folder / f"data/labels/{i}.png", label)
        lines.append(f"images/{i}.png labels/{i}.png\n")
    for name, part in (("train", lines[:3]), ("val", lines[3:4]), ("test", lines[4:]), ("bare", ["images/4.png\n"])):
        (folder / f"data/{name}.txt").write_text("".join(part))
    spec = {
        "type": "Dataset",
        "dataset_root": str(folder / "data"),
        "train_path": "train.txt",
        "val_path": "val.txt",
        "test_path": "test.txt",
        "num_classes": 3,
        "transforms": [{"type": "Normalize"}],
        **dataset,
    }
    config = Config(
        model={"type": "UNet", "base_channels": 4},
        train_dataset=spec,
        val_dataset=dict(spec),
        batch_size=2,
        iters=2,
        save_interval=2,
        lr_scheduler={"type": "PolynomialDecay", "learning_rate": 0.01},
    )
    train(config, save_dir=folder / "run")
    return folder / "run"
