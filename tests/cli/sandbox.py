"""A tiny data set with its recipe, to be spoilt in one place at a time."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import yaml

SIZE = 32
CLASSES = 3


class Sandbox:
    """``data/train/a.png .. d.png``, ``data/val/a.png, b.png``, labels, lists, and ``recipe.yml``.

    Args:
        folder: empty; everything is made below it. The recipe expects it to be the current one.
    """

    def __init__(self, folder: Path):
        self.folder, self.data, self.out = folder, folder / "data", folder / "out"
        rng = np.random.default_rng(3)
        for split, names in (("train", "abcd"), ("val", "ab")):
            for name in names:
                self.write(f"{split}/{name}.png", rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8))
                self.write(f"{split}/{name}_label.png", stripes())
            self.write_list(split, [f"{split}/{n}.png\t{split}/{n}_label.png" for n in names])
        self.write_recipe()

    # -- files ---------------------------------------------------------------------------------------------

    def write(self, name: str, content) -> Path:
        """A file below the data folder: an array as an image, text or bytes as they are."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            content = cv2.imencode(path.suffix, content)[1].tobytes()
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def write_list(self, split: str, lines) -> None:
        """``train.txt`` or ``val.txt``."""
        text = lines if isinstance(lines, (bytes, str)) else "".join(f"{line}\n" for line in lines)
        self.write(f"{split}.txt", text)

    def cut(self, name: str, share: float = 0.5) -> None:
        """Leave only the beginning of a file."""
        path = self.data / name
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    def relist(self, image: str, label: str, split: str = "train") -> None:
        """A list whose first line is this pair."""
        lines = (self.data / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        self.write_list(split, [f"{image}\t{label}", *lines[1:]])

    # -- recipe --------------------------------------------------------------------------------------------

    def recipe(self) -> dict:
        """A good recipe, as nested mappings."""
        common = {
            "type": "Dataset",
            "dataset_root": "data",
            "num_classes": CLASSES,
            "transforms": [{"type": "Normalize"}],
        }
        return {
            "model": {"type": "UNet", "base_channels": 4},
            "train_dataset": {**common, "train_path": "train.txt", "mode": "train"},
            "val_dataset": {**common, "val_path": "val.txt", "mode": "val"},
            "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01},
            "batch_size": 2,
            "iters": 2,
            "save_interval": 1,
            "log_iters": 1,
            "cpu_accel": "off",
        }

    def write_recipe(self, **changes) -> Path:
        """``recipe.yml``; a key ``a__b`` reaches into mappings and the value ``DROP`` takes a key away."""
        tree = self.recipe()
        for key, value in changes.items():
            *parents, last = key.split("__")
            node = tree
            for parent in parents:
                node = node[parent]
            if value is DROP:
                node.pop(last)
            else:
                node[last] = value
        return self.write_text("recipe.yml", yaml.safe_dump(tree, sort_keys=False))

    def write_text(self, name: str, content) -> Path:
        """A file beside the recipe."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def copy_run(self, run: Path) -> Path:
        """A finished run, to be spoilt."""
        shutil.copytree(run, self.out)
        return self.out


DROP = object()


def stripes(size: int = SIZE, values=(0, 1, 2)) -> np.ndarray:
    """A label [size, size] with a stripe of each value."""
    return np.repeat(np.resize(np.repeat(np.asarray(values, np.uint8), 4), size)[None], size, axis=0)


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """A JPEG with an EXIF orientation."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, value]) + b"\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def copied(trained: Sandbox, tmp_path: Path, monkeypatch) -> Path:
    """A copy of a sandbox to spoil, as the current folder, with a cache of its own."""
    folder = shutil.copytree(trained.folder, tmp_path / "box")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PADDLESEG_LITE_CACHE", str(tmp_path / "cache"))
    return folder
