"""A small data set with one fault of every kind, from real or procedural images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from paddleseg_lite.config import Config, parse_config

RARE, ABSENT, IGNORED = 1, 2, 255
TRAIN, VAL = 8, 3

# file of the training split -> what is wrong with it
PLANTED = {
    "t0": ("error", "label of other size", "make the label again at the image's size"),
    "t1": ("error", "id 200", "label_map: {200: ...}"),
    "t2": ("error", "colour picture", "repair or remove the file"),
    "t3": ("error", "JPEG", "repair or remove the file"),
    "t4": ("error", "EXIF orientation 6", "rewrite the image upright"),
    "t5": ("error", "truncated", "repair or remove the file"),
    "t6": ("warning", "only ignored pixels", "take them off the list"),
}


def good_copy(folder: Path, pairs) -> None:
    """``t0 .. t7`` and ``v0 .. v2`` as PNG with their lists; no class is rare or absent by intent."""
    folder.mkdir(parents=True)
    names = [*(f"t{i}" for i in range(TRAIN)), *(f"v{i}" for i in range(VAL))]
    for name, (image, label) in zip(names, pairs):
        write(folder / f"{name}.png", image[..., ::-1])
        write(folder / f"{name}_label.png", label)
    for split, letter, count in (("train", "t", TRAIN), ("val", "v", VAL)):
        lines = "".join(f"{letter}{i}.png {letter}{i}_label.png\n" for i in range(count))
        (folder / f"{split}.txt").write_text(lines, encoding="utf-8")


def spoil(folder: Path) -> None:
    """Plant every fault of :data:`PLANTED`, a leak, a rare class and one that only val shows."""
    for i in range(TRAIN):
        label = read(folder / f"t{i}_label.png")
        label[(label == RARE) | (label == ABSENT)] = IGNORED
        if i == 7:
            label[0, :3] = RARE
        write(folder / f"t{i}_label.png", label)
    label = read(folder / "v1_label.png")
    label[:20] = ABSENT
    write(folder / "v1_label.png", label)
    (folder / "v0.png").write_bytes((folder / "t7.png").read_bytes())

    write(folder / "t0_label.png", read(folder / "t0_label.png")[::2, ::2])
    label = read(folder / "t1_label.png")
    label[5, 5] = 200
    write(folder / "t1_label.png", label)
    colours = np.random.default_rng(0).integers(0, 255, (*label.shape, 3), dtype=np.uint8)
    write(folder / "t2_label.png", colours)
    write(folder / "t3_label.jpg", read(folder / "t3_label.png"))
    write(folder / "t4.jpg", cv2.imread(str(folder / "t4.png")))
    (folder / "t4.jpg").write_bytes(with_orientation((folder / "t4.jpg").read_bytes(), 6))
    whole = (folder / "t5.png").read_bytes()
    (folder / "t5.png").write_bytes(whole[: len(whole) // 2])
    write(folder / "t6_label.png", np.full(label.shape, IGNORED, np.uint8))
    text = (folder / "train.txt").read_text(encoding="utf-8")
    text = text.replace("t3_label.png", "t3_label.jpg").replace("t4.png", "t4.jpg")
    (folder / "train.txt").write_text(text, encoding="utf-8")


def recipe(folder: Path, num_classes: int, *, crop=(32, 32), **changes) -> Config:
    """A tiny UNet on the folder."""
    common = {"type": "Dataset", "dataset_root": str(folder), "num_classes": num_classes, "label_map": {11: IGNORED}}
    fit = [{"type": "Resize", "target_size": list(crop)}, {"type": "Normalize"}]
    tree = {
        "model": {"type": "UNet", "base_channels": 4},
        "train_dataset": {**common, "train_path": "train.txt", "transforms": fit},
        "val_dataset": {**common, "val_path": "val.txt", "mode": "val", "transforms": fit},
        "batch_size": 2,
        "iters": 2,
        "cpu_accel": "off",
        **changes,
    }
    return parse_config(tree)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def write(path: Path, array: np.ndarray) -> None:
    assert cv2.imwrite(str(path), array)


def with_orientation(jpeg: bytes, value: int) -> bytes:
    """A JPEG with an EXIF orientation (EXIF 2.32, tag 0x0112)."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, value]) + b"\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]
