"""The report of an evaluation: tables, pictures and one self-contained page (``tools/val.py --report``)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ..data import colorize, write_png
from ..files import write_bytes, write_csv, write_json, write_text
from ..metrics import BoundaryF1, Calibration, ConfusionMatrix, miou_interval
from ..outputs import whole_files
from ..visualize.overlays import IGNORED, legend, panel, rgb, scaled
from .html import bars, cards, figure, gallery, page, side, table
from .matrix import confusion_table
from .plots import confusion_picture, reliability_picture

WORST = 20
REPORT_FILES = (
    *("index.html", "scores.json", "per_class.csv", "per_image.csv", "confusion.png"),
    *(f"worst/{rank:02d}.png" for rank in range(100)),
)
PANEL_HEIGHT = 150
ONE_COLUMN = 25  # classes, in bars one below the other


class ReportMeasures:
    """What the report needs beyond the confusion matrix; an observer of :mod:`paddleseg_lite.inference.evaluation`."""

    def __init__(self, num_classes: int, ignore_index: int):
        self.boundary = BoundaryF1(num_classes, ignore_index)
        self.calibration = Calibration(ignore_index=ignore_index)
        self.boundary_of_image: list[float] = []

    def __call__(self, logits, label: np.ndarray, meta: dict) -> None:
        """Take in one image: ``logits [K, H, W]``, ``label [H, W]``."""
        values = np.asarray(logits.numpy() if isinstance(logits, paddle.Tensor) else logits)
        self.calibration.update_logits(values, label)
        self.boundary_of_image.append(self.boundary.update(values.argmax(axis=0), label))


@dataclass(frozen=True)
class Findings:
    """What the page and ``scores.json`` both tell."""

    evaluation: Any
    boundary: Any
    calibration: Any
    interval: Any
    convention: str

    def summary(self, names: list[str]) -> dict[str, Any]:
        """The content of ``scores.json``."""
        return {
            "images": self.evaluation.images,
            "backend": self.evaluation.backend,
            "miou_convention": self.convention,
            "mIoU_interval_95": [self.interval.low, self.interval.high],
            "boundary_F1": self.boundary.mean,
            "ECE": self.calibration.ECE,
            "loss": self.evaluation.loss,
            "images_per_s": self.evaluation.images_per_second,
            **self.evaluation.scores.as_dict(names),
        }


@dataclass(frozen=True)
class ImageScore:
    """One line of ``per_image.csv``."""

    path: str
    miou: float
    accuracy: float
    boundary_f1: float


def image_scores(evaluation, measures: ReportMeasures, convention: str, ignore_index: int) -> list[ImageScore]:
    """Scores of every image, in the dataset's order."""
    scores = []
    for result, boundary in zip(evaluation.per_image, measures.boundary_of_image):
        own = ConfusionMatrix.from_matrix(result.matrix, ignore_index).compute(convention)
        scores.append(ImageScore(result.path, float(own.mIoU), float(own.aAcc), float(boundary)))
    return scores


def write_evaluation_report(
    folder: Path,
    evaluation,
    measures: ReportMeasures,
    dataset,
    *,
    title: str,
    convention: str,
    predict_index: Callable[[int], np.ndarray],
) -> Path:
    """Write ``index.html``, ``scores.json``, ``per_class.csv``, ``per_image.csv`` and the pictures.

    Args:
        folder: where to; made where absent. All files arrive together, or an older report stays as it was.
        evaluation: with a matrix per image (``keep_images=True``).
        measures: what observed that evaluation.
        dataset: for names, colours and the worst images.
        title: of the page.
        convention: of mIoU, named in the report.
        predict_index: class ids ``[H, W]`` of image i, at the label's size.

    Returns:
        The page's path.
    """
    names = list(dataset.class_names)
    found = Findings(
        evaluation,
        measures.boundary.compute(),
        measures.calibration.compute(),
        miou_interval([r.matrix for r in evaluation.per_image], convention=convention),
        convention,
    )
    images = image_scores(evaluation, measures, convention, dataset.ignore_index)
    worst = sorted((i for i in range(len(images)) if not math.isnan(images[i].miou)), key=lambda i: images[i].miou)
    worst = worst[:WORST]
    sheet = [worst_parts(dataset, i, predict_index(i)) for i in worst]
    captions = [f"{Path(images[i].path).name}: mIoU {images[i].miou:.3f}" for i in worst]
    header, rows = _class_table(names, evaluation.scores, found.boundary.per_class)
    sections = [
        *_scores_in_short(found, names, dataset.palette),
        side(
            "<h2>Classes</h2>" + table(header, [[_text(v) for v in row] for row in rows]), _largest(evaluation, names)
        ),
        "<h2>Confusion</h2>",
        confusion_table(evaluation.matrix, names),
        side(_calibration_section(found.calibration), _further_measures(found)),
        f"<h2>The worst {len(worst)} images</h2><p class='dim'>input, truth, prediction, errors in red</p>",
        figure(legend(names, dataset.palette, columns=1 + len(names) // 30), "class colours"),
        gallery([figure(picture, caption) for picture, caption in zip(sheet, captions)]),
    ]
    with whole_files(folder, stale=["worst/[0-9][0-9].png"]) as new:
        write_json(new / "scores.json", found.summary(names))
        write_csv(new / "per_class.csv", header, rows)
        write_csv(
            new / "per_image.csv",
            ["image", "mIoU", "pixel accuracy", "boundary F1"],
            [[s.path, s.miou, s.accuracy, s.boundary_f1] for s in images],
        )
        write_bytes(new / "confusion.png", confusion_picture(evaluation.matrix, names))
        for rank, picture in enumerate(sheet):
            write_png(new / "worst" / f"{rank:02d}.png", panel(picture))
        write_text(new / "index.html", page(title, *sections))
    return folder / "index.html"


def class_bars(names: list[str], values: list[float], colours: np.ndarray) -> str:
    """Bars of all classes, many of them in two columns."""
    if len(names) <= ONE_COLUMN:
        return bars(names, values, colours)
    half = -(-len(names) // 2)
    parts = [slice(0, half), slice(half, None)]
    return side(*(bars(names[part], values[part], colours[part]) for part in parts), even=True)


def _scores_in_short(found: Findings, names: list[str], palette: np.ndarray) -> list[str]:
    evaluation, scores, interval = found.evaluation, found.evaluation.scores, found.interval
    speed = f"{evaluation.images} images, {evaluation.backend}"
    headline = [
        ("mIoU", f"{scores.mIoU:.4f}", f"95 % over images: {interval.low:.4f} to {interval.high:.4f}"),
        ("pixel accuracy", f"{scores.aAcc:.4f}", "aAcc"),
        ("mean class accuracy", f"{scores.mAcc:.4f}", "mAcc"),
        ("boundary F1", f"{found.boundary.mean:.4f}", "outlines within a few pixels"),
        ("calibration error", f"{found.calibration.ECE:.4f}", "ECE: confidence against accuracy"),
        ("speed", f"{evaluation.images_per_second:.1f}/s", speed),
    ]
    return [cards(headline), "<h2>IoU of each class</h2>", class_bars(names, [float(v) for v in scores.IoU], palette)]


def _largest(evaluation, names: list[str]) -> str:
    header = ["truth", "predicted as", "of the truth", "pixels"]
    return (
        "<h2>What is taken for what</h2>"
        "<p class='dim'>the largest shares of a true class that went to another</p>"
        + table(header, largest_confusions(evaluation.matrix.matrix, names))
    )


def _calibration_section(calibration) -> str:
    shares = calibration.count / max(1, calibration.count.sum())
    picture = reliability_picture(calibration.confidence, calibration.accuracy, shares)
    return "<h2>Calibration</h2>" + figure(picture, "accuracy of pixels against the confidence of the prediction")


def _further_measures(found: Findings) -> str:
    scores, loss = found.evaluation.scores, found.evaluation.loss
    facts = [
        ["frequency-weighted IoU", f"{scores.fwIoU:.4f}"],
        ["kappa", f"{scores.kappa:.4f}"],
        ["cross-entropy", "-" if loss is None else f"{loss:.4f}"],
        ["absent classes (convention)", found.convention],
    ]
    return "<h2>Further measures</h2>" + table(["measure", "value"], facts)


def largest_confusions(matrix: np.ndarray, names: list[str], count: int = 12) -> list[list[str]]:
    """Rows of truth, prediction, share and pixels of the largest shares off the diagonal of ``[K, K]`` counts."""
    totals = matrix.sum(1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    np.fill_diagonal(share, 0)
    order = np.argsort(-share, axis=None, kind="stable")[:count]
    places = [divmod(int(i), len(names)) for i in order if share.flat[i] >= 0.001]
    return [[names[t], names[p], f"{100 * share[t, p]:.1f} %", f"{int(matrix[t, p]):,}"] for t, p in places]


def worst_parts(dataset, index: int, prediction: np.ndarray) -> list[np.ndarray]:
    """Input, truth, prediction and error map of one image, of one height."""
    raw = dataset.load(index)
    image, label = rgb(raw["image"]), raw["label"]
    error = (image // 3).astype(np.uint8)
    error[(prediction != label) & (label != dataset.ignore_index)] = (220, 38, 38)
    colors = [
        colorize(ids, dataset.palette, ignore_index=dataset.ignore_index, ignore_colour=IGNORED)
        for ids in (label, prediction)
    ]
    return scaled([image, *colors, error], max(PANEL_HEIGHT, min(image.shape[0], 240)))


def _class_table(names, scores, boundary) -> tuple[list[str], list[list[Any]]]:
    header = ["class", "IoU", "Dice", "precision", "recall", "boundary F1", "pixels"]
    columns = (scores.IoU, scores.Dice, scores.precision, scores.Acc, boundary)
    rows = [[name, *(float(c[i]) for c in columns), int(scores.support[i])] for i, name in enumerate(names)]
    return header, rows


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
