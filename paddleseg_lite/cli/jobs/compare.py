"""What ``tools/compare.py`` does: two runs on the same images, the paired difference and where it comes from."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...config.differences import config_differences
from ...errors import DataError
from ...files import make_folder, write_json, write_text
from ...metrics import ConfusionMatrix, difference_interval
from ...outputs import refuse_others, whole_files
from ...reports import figure, page, table
from ...reports.evaluation import worst_parts
from ...reports.html import bars, cards, is_page
from .val import validate_loaded

logger = logging.getLogger("paddleseg_lite")

GALLERY = 8


def run_comparison(first, second, *, save_dir: str, num_workers: int = 0, protected: Sequence[str | Path] = ()) -> int:
    """Score two loaded networks and report ``second - first``; ``protected``: files that the report may not replace.

    Raises:
        DataError: their validation sets differ.
        ConfigError: the report would replace an input.
    """
    folder = make_folder(save_dir)
    refuse_others(folder / "index.html", is_page, "--save_dir")
    outputs = {"--save_dir": [folder / "index.html", folder / "comparison.json"]}
    a, data_a, _ = validate_loaded(
        first, num_workers=num_workers, keep_images=True, outputs=outputs, protected=protected
    )
    b, data_b, _ = validate_loaded(second, num_workers=num_workers, keep_images=True)
    paths = [r.path for r in a.per_image]
    if paths != [r.path for r in b.per_image] or list(data_a.class_names) != list(data_b.class_names):
        raise DataError(
            f"{first.source} and {second.source} were configured for different validation sets; "
            "name one with --config, so that both are scored on the same images."
        )
    convention, names = first.config.miou_convention, list(data_a.class_names)
    interval = difference_interval(
        [r.matrix for r in a.per_image], [r.matrix for r in b.per_image], convention=convention
    )
    changes = [(_miou(y.matrix) - _miou(x.matrix), i) for i, (x, y) in enumerate(zip(a.per_image, b.per_image))]
    changes = sorted((c for c in changes if not math.isnan(c[0])), key=lambda c: c[0])
    differences = config_differences(first.config.to_dict(), second.config.to_dict())
    summary = {
        "first": str(first.source),
        "second": str(second.source),
        "images": len(paths),
        "convention": convention,
        "mIoU": [float(a.scores.mIoU), float(b.scores.mIoU)],
        "difference": interval.value,
        "interval_95": [interval.low, interval.high],
        "p_value": interval.p_value,
        "IoU_difference": {n: _plain(y - x) for n, x, y in zip(names, a.scores.IoU, b.scores.IoU)},
        "per_image": {paths[i]: change for change, i in changes},
        "config_differences": differences,
    }
    verdict = (
        "the second is better"
        if interval.low > 0
        else ("the first is better" if interval.high < 0 else "no evidence of a difference")
    )
    text = (
        f"mIoU {a.scores.mIoU:.4f} -> {b.scores.mIoU:.4f}: {interval.value:+.4f} "
        f"(95 % interval over images {interval.low:+.4f} .. {interval.high:+.4f}): {verdict}"
    )
    rows = [[n, f"{x:.4f}", f"{y:.4f}", f"{y - x:+.4f}"] for n, x, y in zip(names, a.scores.IoU, b.scores.IoU)]
    gains = [float(y - x) for x, y in zip(a.scores.IoU, b.scores.IoU)]
    reach = max([0.05, *(abs(g) for g in gains if not math.isnan(g))])
    headline = [
        ("first", f"{a.scores.mIoU:.4f}", str(first.source)),
        ("second", f"{b.scores.mIoU:.4f}", str(second.source)),
        ("difference", f"{interval.value:+.4f}", f"95 % over images: {interval.low:+.4f} to {interval.high:+.4f}"),
        ("images", str(len(paths)), verdict),
    ]
    sections = [
        cards(headline),
        "<p class='dim'>The interval resamples images; it says nothing about other seeds or other training runs.</p>",
        "<h2>What differs in the recipes</h2>",
        table(
            ["key", "first", "second"], [[k, *v] for k, v in differences.items()] or [["nothing", "", ""]], wrap=True
        ),
        "<h2>Difference in IoU of each class, second less first</h2>",
        bars(names, gains, data_a.palette, low=-reach, high=reach),
        table(["class", "first", "second", "difference"], rows),
    ]
    for title, chosen in (
        ("Most gained", [c for c in reversed(changes) if c[0] > 0][:GALLERY]),
        ("Most lost", [c for c in changes if c[0] < 0][:GALLERY]),
    ):
        if not chosen:
            continue
        sections.append(f"<h2>{title}</h2><p class='dim'>input, truth, prediction, errors; the second run below</p>")
        for change, i in chosen:
            runs = ((first, data_a), (second, data_b))
            parts = [part for run, data in runs for part in worst_parts(data, i, run.predict_index(data, i))]
            sections.append(figure(parts, f"{Path(paths[i]).name}: mIoU {change:+.3f}"))
    with whole_files(folder) as new:
        write_json(new / "comparison.json", summary)
        write_text(new / "index.html", page("Comparison", *sections))
    print(text)
    logger.info("report: %s", folder / "index.html")
    return 0


def _miou(matrix: np.ndarray) -> float:
    return float(ConfusionMatrix.from_matrix(matrix).compute("nan").mIoU)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
