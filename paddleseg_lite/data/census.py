"""Counting the labels of a dataset: shares, absent classes, foreign ids, class weights."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..runtime import available_cores
from .datasets.base import SegDataset


@dataclass(frozen=True)
class Census:
    """What the label files hold.

    Attributes:
        class_names: K names.
        files: labels counted.
        pixels: int64 [K], pixels of each class.
        images: int64 [K], images in which it occurs.
        pixels_of_images: int64 [K], valid pixels of those images.
        ignored: pixels of ``ignore_index``.
        out_of_range: ``{file: {stored id: pixels}}`` of ids that are no class.
    """

    class_names: Sequence[str]
    files: int
    pixels: np.ndarray
    images: np.ndarray
    pixels_of_images: np.ndarray
    ignored: int
    out_of_range: dict[str, dict[int, int]] = field(default_factory=dict)

    @property
    def share(self) -> np.ndarray:
        """Share of each class in all valid pixels, float64 [K]."""
        return self.pixels / max(1, int(self.pixels.sum()))

    @property
    def absent(self) -> list[int]:
        """Classes without a pixel."""
        return np.flatnonzero(self.pixels == 0).tolist()

    def weights(self, kind: str, c: float = 1.02) -> np.ndarray:
        """Class weights for cross-entropy, float32 [K].

        ``enet``: ``1 / ln(c + share)`` (Paszke et al. 2016; c = 1.02: from 1.42 for a
        class that is everything to 50.5 for one that never occurs).
        ``median_frequency``: median of the frequencies of the classes that occur / frequency,
        a class's frequency being its share in the images where it occurs (Eigen and
        Fergus 2015); 0 for a class that never occurs.

        Raises:
            ConfigError: another kind, or c not above 1.
        """
        if kind == "enet":
            if not c > 1:
                raise ConfigError(f"class weights of kind enet need c > 1, but got {c}.")
            return (1 / np.log(c + self.share)).astype(np.float32)
        if kind == "median_frequency":
            present = self.pixels > 0
            if not present.any():
                raise ConfigError("class weights of kind median_frequency need labels with at least one valid pixel.")
            frequency = self.pixels[present] / self.pixels_of_images[present]
            weights = np.zeros(len(self.pixels), np.float32)
            weights[present] = np.median(frequency) / frequency
            return weights
        raise ConfigError(f"class weights are of kind enet or median_frequency, but got {kind!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "files": self.files,
            "ignored_pixels": self.ignored,
            "classes": [
                {
                    "id": i,
                    "name": name,
                    "pixels": int(self.pixels[i]),
                    "share": float(self.share[i]),
                    "images": int(self.images[i]),
                }
                for i, name in enumerate(self.class_names)
            ],
            "out_of_range": {path: {str(i): n for i, n in ids.items()} for path, ids in self.out_of_range.items()},
        }


def take_census(dataset: SegDataset, limit: int | None = None) -> Census:
    """Count the labels of a dataset, reading label files only.

    Ids that are no class are counted, not an error: they are what a census is for.

    Args:
        limit: count so many labels, spread evenly over the dataset.

    Raises:
        DataError: a label is missing or cannot be read, or the dataset is in test mode.
    """
    indices = range(len(dataset))
    if limit is not None and limit < len(dataset):
        indices = np.linspace(0, len(dataset) - 1, max(1, limit)).round().astype(int).tolist()

    def count(index: int) -> tuple[str, tuple[np.ndarray, int, dict[int, int]]]:
        raw, path = dataset.raw_label(index)
        return path, dataset.labels.histogram(raw)

    k = dataset.num_classes
    pixels, images, of_images = (np.zeros(k, np.int64) for _ in range(3))
    ignored, out_of_range = 0, {}
    with ThreadPoolExecutor(available_cores()) as pool:
        for path, (counts, left_out, bad) in pool.map(count, indices):
            pixels += counts
            images += counts > 0
            of_images += np.where(counts > 0, counts.sum(), 0)
            ignored += left_out
            if bad:
                out_of_range[path] = bad
    return Census(list(dataset.class_names), len(indices), pixels, images, of_images, ignored, out_of_range)
