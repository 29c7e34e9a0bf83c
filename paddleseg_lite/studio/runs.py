"""The tab Runs and studies: a table of runs, what differs in their recipes, curves, confusion matrices, studies."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..config.differences import config_differences
from ..errors import DataError
from ..inference.evaluation import evaluate
from ..metrics import ConfusionMatrix
from ..reports.plots import confusion_picture, pyplot, to_png
from ..reports.run import read_records
from ..studies.plots import class_heatmap, forest_plot, seed_plot
from ..studies.results import Row
from ..studies.statistics import Comparison
from .compares import validation_set
from .library import RECORD, STUDY, Library
from .networks import Network
from .pictures import with_pictures
from .trains import is_busy, recipe_of

MOST = 100  # validation pictures of a confusion matrix


@dataclass(frozen=True)
class Run:
    """A row of the table."""

    name: str
    network: str
    data: str
    iteration: int
    best: float | None
    last: float | None
    training: bool
    changed: str  # YYYY-MM-DD HH:MM


def table(library: Library) -> list[Run]:
    """All runs, the newest first."""
    found = []
    for name in library.names(RECORD):
        folder = library.path(RECORD, name)
        recipe, records = recipe_of(library, folder), read_records(folder / "metrics.jsonl")
        scores = [r["mIoU"] for r in records if r.get("kind") == "eval" and _finite(r.get("mIoU"))]
        found.append(
            Run(
                name,
                network_of(recipe),
                str((recipe.get("train_dataset") or {}).get("type", "")),
                max((r["iter"] for r in records), default=0),
                max(scores, default=None),
                scores[-1] if scores else None,
                is_busy(folder),
                time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / "metrics.jsonl").stat().st_mtime)),
            )
        )
    return found


def network_of(recipe: dict[str, Any]) -> str:
    """``UNet``, or ``FCN + GloRe``."""
    model = recipe.get("model") or {}
    context = model.get("context") or {}
    unit = context if isinstance(context, str) else context.get("type")
    return f"{model.get('type', '')} + {unit}" if unit else str(model.get("type", ""))


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def recipe_differences(library: Library, names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the keys in which the recipes of some runs differ, and each run's value.

    Raises:
        DataError: a run is not known.
    """
    recipes = [recipe_of(library, library.path(RECORD, name)) for name in names]
    keys: dict[str, None] = {}
    for other in recipes[1:]:
        keys.update(dict.fromkeys(config_differences(recipes[0], other)))
    rows = []
    for key in keys:
        rows.append([key, *(json.dumps(_value(recipe, key), default=str) for recipe in recipes)])
    return ["", *names], rows


def _value(recipe: dict[str, Any], key: str) -> Any:
    value: Any = recipe
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def curves(library: Library, names: Sequence[str]) -> bytes:
    """Training loss and mIoU of several runs over their iterations, PNG.

    Raises:
        DataError: none is named, or one is not known.
    """
    if not names:
        raise DataError("no run is chosen: choose one or more in the list.")
    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    for name in names:
        records = read_records(library.path(RECORD, name) / "metrics.jsonl")
        for axis, kind, key, marker in ((axes[0], "train", "loss", None), (axes[1], "eval", "mIoU", "o")):
            points = [(r["iter"], r[key]) for r in records if r.get("kind") == kind and _finite(r.get(key))]
            if points:
                axis.plot(*zip(*points), label=_short(name), marker=marker, ms=4, lw=1.6)
    for axis, title in zip(axes, ("training loss", "mIoU")):
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("iteration")
        axis.grid(alpha=0.25)
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
    axes[1].set_ylim(0, 1)
    return to_png(figure, dpi=100)


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"...{name[-37:]}"


def confusion(network: Network) -> tuple[bytes, ConfusionMatrix, int]:
    """Confusion matrix of a run on the first of its validation pictures: PNG, counts, how many pictures.

    Raises:
        UserError: it has no validation set on this machine.
    """
    loaded = network.open
    data = _First(validation_set(network), MOST)
    found = evaluate(loaded.backend, data, options=loaded.options, crf=loaded.crf)
    return confusion_picture(found.matrix, network.class_names), found.matrix, found.images


class _First:
    """The first ``most`` samples of a dataset."""

    def __init__(self, data: Any, most: int) -> None:
        self._data, self._most = data, most

    def __len__(self) -> int:
        return min(len(self._data), self._most)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)


@dataclass(frozen=True)
class Study:
    """A study's report.

    Attributes:
        text: Markdown, its pictures inside.
        groups: for each its name and, as PNG, every seed, the intervals of the differences, and the map of classes
            (None without IoU of classes).
    """

    text: str
    groups: list[tuple[str, bytes, bytes, bytes | None]]


def study(library: Library, name: str) -> Study:
    """Read a study's report.

    Raises:
        DataError: there is none, or its files are not a study's.
    """
    folder = library.path(STUDY, name)
    text = (folder / "report.md").read_text(encoding="utf-8", errors="replace")
    groups = []
    try:
        content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        for entry in content["groups"] if isinstance(content, dict) else content:  # a list in older reports
            rows = [_row(variant) for variant in entry["variants"]]
            title = ", ".join(f"{k}: {v}" for k, v in entry["group"].items()) or "all runs"
            heat = class_heatmap(rows) if rows[0].class_iou and any(r.class_iou for r in rows[1:]) else None
            groups.append((title, seed_plot(rows, metric_of(text)), forest_plot(rows), heat))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as e:
        raise DataError(
            f"{folder / 'report.json'} is not the report of a study ({e}): make it anew with ablate."
        ) from e
    return Study(with_pictures(library, folder, text), groups)


def metric_of(text: str) -> str:
    """The metric's name in a report's first table."""
    header = next((line for line in text.splitlines() if line.startswith("|")), "")
    cells = [cell.strip() for cell in header.strip("|").split("|")]
    return cells[2] if len(cells) > 2 else ""


def _row(variant: dict[str, Any]) -> Row:
    compared = variant.get("comparison")
    return Row(
        name=str(variant["name"]),
        values={int(seed): float(value) for seed, value in variant["values"].items()},
        class_iou={str(k): float(v) for k, v in (variant.get("class_iou") or {}).items()},
        comparison=_comparison(compared) if compared else None,
    )


def _comparison(told: dict[str, Any]) -> Comparison:
    """NaN is null in JSON, but for the two fields where None means something."""
    plain = {k: v for k, v in told.items() if k in Comparison.__dataclass_fields__}
    open_fields = ("margin", "seeds_needed")
    return Comparison(**{k: float("nan") if v is None and k not in open_fields else v for k, v in plain.items()})
