"""The tab Compare: two networks on one picture, who is right where there is a label, the worst pictures of a report."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.building import build_scored, split_spec
from ..data.datasets import SegDataset
from ..errors import ConfigError, DataError
from ..metrics import ConfusionMatrix
from ..visualize import rgb
from .library import Library
from .networks import Network

IGNORED = 255
# who is right, and the colour of it; where both are, the picture stays
ONLY_FIRST, ONLY_SECOND, BOTH_WRONG, DIFFERENT = (37, 99, 235), (234, 138, 0), (200, 30, 60), (200, 30, 160)


@dataclass(frozen=True)
class Compared:
    """Two networks on one picture.

    Attributes:
        image: uint8 ``[H, W, C]``.
        labels: class ids ``[H, W]`` of the first and the second.
        truth: ``[H, W]``, 255 where it does not count; None without a label.
        milliseconds: of the two.
    """

    image: np.ndarray
    labels: tuple[np.ndarray, np.ndarray]
    truth: np.ndarray | None
    class_names: list[str]
    palette: np.ndarray
    milliseconds: tuple[float, float]


def compare(first: Network, second: Network, image: np.ndarray, truth: np.ndarray | None = None) -> Compared:
    """Segment a picture with both.

    Raises:
        ConfigError: their classes differ.
        DataError: the label has another size, or other classes.
    """
    if first.class_names != second.class_names:
        raise ConfigError(
            f"{first.name} and {second.name} know different classes ({len(first.class_names)} and "
            f"{len(second.class_names)}): compare networks that were trained for the same ones."
        )
    if truth is not None and truth.shape != image.shape[:2]:
        raise DataError(f"the label has {truth.shape[1]} x {truth.shape[0]} pixels, and the picture other ones.")
    if truth is not None and int(truth[truth != IGNORED].max(initial=0)) >= len(first.class_names):
        raise DataError(f"the label has classes that {first.name} does not know: take a picture of its kind.")
    made = [network.labels(image, "dygraph", "fp32") for network in (first, second)]
    return Compared(image, (made[0][0], made[1][0]), truth, first.class_names, first.palette, (made[0][1], made[1][1]))


def difference(found: Compared) -> np.ndarray:
    """Where they differ, over the greyed picture, uint8 RGB; with a label in the colours of who is right."""
    grey = rgb(found.image).mean(2, keepdims=True)
    picture = np.repeat(np.round(0.6 * grey + 60), 3, axis=2).astype(np.uint8)
    for mask, colour in _who(found):
        picture[mask] = colour
    return picture


def _who(found: Compared) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    a, b = found.labels
    if found.truth is None:
        return [(a != b, DIFFERENT)]
    counts, right_a, right_b = found.truth != IGNORED, a == found.truth, b == found.truth
    return [
        (counts & right_a & ~right_b, ONLY_FIRST),
        (counts & right_b & ~right_a, ONLY_SECOND),
        (counts & ~right_a & ~right_b, BOTH_WRONG),
    ]


def facts(found: Compared) -> dict[str, float]:
    """Shares of the picture: ``differ``; with a label ``right`` and ``miou`` of both, ``only_first``, ``only_second``,
    ``both_wrong``, of the pixels that count."""
    a, b = found.labels
    told = {"differ": float((a != b).mean())}
    if found.truth is None:
        return told
    counts = max(1, int((found.truth != IGNORED).sum()))
    for name, (mask, _) in zip(("only_first", "only_second", "both_wrong"), _who(found)):
        told[name] = float(mask.sum() / counts)
    for name, labels in (("first", a), ("second", b)):
        matrix = ConfusionMatrix(len(found.class_names), ignore_index=IGNORED).update(labels, found.truth)
        scores = matrix.compute("nan")
        told[f"right_{name}"], told[f"miou_{name}"] = float(scores.aAcc), float(scores.mIoU)
    return told


def validation_set(network: Network) -> SegDataset:
    """The pictures a run was validated on.

    Raises:
        UserError: its recipe has none, or they are not on this machine.
    """
    spec, mode = split_spec(network.open.config, None)
    return build_scored(spec, mode=mode)


def validation_picture(network: Network, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture ``index`` (from 0) of a run's validation set and its label, with 255 where it does not count."""
    data = validation_set(network)
    if not 0 <= index < len(data):
        raise DataError(f"the validation set of {network.name} has {len(data)} pictures, numbered from 1.")
    sample = data.load(index)
    truth = np.where(sample["label"] == data.ignore_index, IGNORED, sample["label"])
    return sample["image"], truth


@dataclass(frozen=True)
class Worst:
    """One of the worst pictures of a validation report.

    Attributes:
        index: in the validation set, from 0.
        panel: input, truth, prediction, errors, as the report drew them; None where it did not.
    """

    name: str
    index: int
    miou: float
    panel: Path | None


def worst(library: Library, folder: Path) -> list[Worst]:
    """The worst pictures of a report, the worst first.

    Raises:
        DataError: its table is not one of ours.
    """
    table = library.file(folder, "per_image.csv")
    text = table.read_text(encoding="utf-8", errors="replace") if table else ""
    found = []
    try:
        for index, row in enumerate(csv.DictReader(io.StringIO(text))):
            score = float(row["mIoU"] or "nan")
            if not math.isnan(score):
                found.append((score, index, row["image"]))
    except (KeyError, TypeError, ValueError, csv.Error) as e:
        raise DataError(f"{folder / 'per_image.csv'} is not the table of a validation report ({e}).") from e
    found.sort()
    return [
        Worst(Path(name).name, index, score, library.file(folder, "worst", f"{rank:02d}.png"))
        for rank, (score, index, name) in enumerate(found[:100])
    ]


def rows(told: dict[str, float], say: Any) -> list[list[str]]:
    """The facts as rows of the page's table."""
    return [[say(f"fact_{name}"), f"{100 * value:.2f} %"] for name, value in told.items()]
