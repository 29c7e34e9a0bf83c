"""Procedural street scenes as files: pictures to try a network on, and own data to try the way from files with."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...data import write_png
from ...data.datasets.scenes import Scenes
from .job import Item, Job


def scenes_job(*, count: int, size: int, seed: int) -> Job:
    """Pictures and labels of validation scenes, the same for the same arguments.

    Args:
        count: how many.
        size: height and width in pixels, at least 32.
        seed: of the set; the recipes train and validate on seed 0, so that any other is new to their networks.

    Raises:
        ConfigError: no such size or count.
    """
    scenes = Scenes(num_samples=count, size=(size, size), seed=seed, mode="val")
    folder = tempfile.TemporaryDirectory(prefix="scenes-")
    items = []
    for index in range(count):
        sample = scenes.load(index)
        image = Path(folder.name, f"scene_{index:04d}.png")
        write_png(image, sample["image"])
        items.append(Item.with_copy(image.stem, image, label=lambda _, ids=sample["label"]: ids))
    return Job(items, list(scenes.class_names), palette=scenes.palette, origin="scenes", keep=folder)
