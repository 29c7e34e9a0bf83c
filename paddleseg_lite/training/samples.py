"""Pictures of fixed validation samples, to see a network learn, and of what it is trained on."""

from __future__ import annotations

import numpy as np

from ..data import colorize, sample_rng
from ..data.transforms.normalize import Normalize
from ..inference.labels import predict_labels
from ..inference.options import InferenceOptions
from ..inference.reduced import as_batch
from ..visualize.overlays import IGNORED, background_classes, overlay, panel, rgb

COLUMNS = ("picture", "truth", "prediction", "errors in red")
_RIGHT, _WRONG = (235, 235, 235), (200, 30, 30)


def sample_rows(model, dataset, count: int, *, options: InferenceOptions) -> list[list[np.ndarray]]:
    """Up to ``count`` samples, evenly spread over the dataset: RGB pictures in the order of ``COLUMNS``."""
    rows = []
    model.eval()
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int):
        raw, sample = dataset.load(int(index)), dataset.get(int(index), None)
        image = as_batch(sample)
        labels = predict_labels(model, image, options=options, trans_info=sample["meta"]["trans_info"])[0]
        truth, ignored = raw["label"], raw["label"] == dataset.ignore_index
        colors = [
            colorize(ids, dataset.palette, ignore_index=dataset.ignore_index, ignore_colour=IGNORED)
            for ids in (truth, labels)
        ]
        errors = np.where((labels == truth)[..., None], _RIGHT, _WRONG).astype(np.uint8)
        errors[ignored] = IGNORED
        rows.append([rgb(raw["image"]), *colors, errors])
    model.train()
    return rows


def sample_panels(model, dataset, count: int, *, options: InferenceOptions) -> list[np.ndarray]:
    """:func:`sample_rows` as one picture each: input, label, prediction."""
    return [panel(row[:3]) for row in sample_rows(model, dataset, count, options=options)]


def training_rows(dataset, count: int, *, seed: int) -> list[list[np.ndarray]]:
    """Training samples as the network sees them, but for the normalisation: picture, and labels over it."""
    rows = []
    hidden = background_classes(dataset.class_names)
    for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist():
        sample, rng = dataset.load(index), sample_rng(seed, 0, index)
        for transform in dataset.transforms:
            if isinstance(transform, Normalize):
                break
            sample = transform(sample, rng)
        picture = rgb(sample["image"]).clip(0, 255).astype(np.uint8)
        rows.append([picture, overlay(picture, sample["label"], dataset.palette, hidden=hidden)])
    return rows
