"""The README's picture: ``python docs/images/make_quick_start.py output/unet_scenes`` after the quick start."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import paddleseg_lite  # noqa: E402

paddleseg_lite.setup()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from paddleseg_lite import data  # noqa: E402
from paddleseg_lite.visualize.overlays import legend, panel  # noqa: E402


def main(run: str, indices=(0, 1, 3)) -> None:
    loaded = paddleseg_lite.load(run)
    scenes = data.Scenes(mode="val", num_samples=100, size=(96, 96))
    rows = []
    for i in indices:
        sample = scenes.read(i)
        found = loaded.predict(sample["image"]).labels
        colours = [data.colorize(labels, loaded.palette) for labels in (sample["label"], found)]
        pictures = [sample["image"], *colours]
        rows.append(panel([cv2.resize(p, (192, 192), interpolation=cv2.INTER_NEAREST) for p in pictures], gap=6))
    gap = np.full((6, rows[0].shape[1], 3), 255, np.uint8)
    grid = np.concatenate([part for row in rows for part in (row, gap)][:-1])
    names = legend(loaded.class_names, loaded.palette, columns=1, row_height=26)
    side = np.full((grid.shape[0], names.shape[1] + 12, 3), 255, np.uint8)
    side[: names.shape[0], 12:] = names
    save(np.concatenate([grid, side], axis=1))


def save(picture: np.ndarray) -> None:
    """In 256 colours: those of the classes as they are, the others by median cut; a fifth of the bytes."""
    image = Image.fromarray(picture)
    image = image.quantize(256, Image.Quantize.MEDIANCUT, kmeans=8, dither=Image.Dither.NONE)
    image.save(HERE / "quick_start.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
