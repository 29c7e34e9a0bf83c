"""A run's records as people read them: a table of its validations and its curves as one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..visualize.overlays import legend_name
from .plots import letter, pyplot, to_png

COLUMNS = ("iter", "epoch", "lr", "train_loss", "val_loss", "mIoU", "aAcc", "mAcc", "is_best")


def read_records(path: str | Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl`` in order of their iterations; damaged ones are left out."""
    records = []
    for line in Path(path).read_bytes().split(b"\n") if Path(path).is_file() else ():
        try:
            record = json.loads(line.decode("utf-8"))
            if isinstance(record, dict) and isinstance(record.get("iter"), int):
                records.append(record)
        except (ValueError, RecursionError):
            continue
    return records


def results_rows(records: Sequence[dict[str, Any]], class_names: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """Header and rows, one a validation, with the training loss since the one before; then the IoU of each class.

    A run without validations has a row for each line of its log.
    """
    header = [*COLUMNS, *(f"IoU {name}" for name in class_names)]
    evaluated = any(r.get("kind") == "eval" for r in records)
    rows, since = [], []
    last: dict[str, Any] = {}
    for record in records:
        if record.get("kind") == "train":
            last = record
            since.append(record.get("loss", np.nan))
            if evaluated:
                continue
        loss = float(np.mean(since)) if since else None
        plain = record if record.get("kind") == "eval" else {}
        start = [record["iter"], last.get("epoch"), last.get("lr"), loss, plain.get("loss")]
        scores = [plain.get(name) for name in ("mIoU", "aAcc", "mAcc", "is_best")]
        rows.append([*start, *scores, *class_ious(plain, class_names)])
        since = []
    return header, rows


def class_ious(record: dict[str, Any], class_names: Sequence[str]) -> list[float | None]:
    """IoU of each class in the record of a validation; None where there is none."""
    classes = record.get("classes")
    classes = classes if isinstance(classes, dict) else {}
    return [(classes.get(name) or {}).get("IoU") for name in class_names]


def results_picture(
    records: Sequence[dict[str, Any]], class_names: Sequence[str], palette: np.ndarray, *, title: str = ""
) -> bytes:
    """Loss, mIoU, learning rate over the iterations, and the IoU of each class at the best validation, as PNG.

    Args:
        records: of ``metrics.jsonl``.
        class_names: K.
        palette: uint8 RGB ``[K, 3]``, the colours of the bars.
        title: over all.
    """
    plt = pyplot()
    train = [r for r in records if r.get("kind") == "train"]
    evals = [r for r in records if r.get("kind") == "eval"]
    figure, axes = plt.subplots(2, 2, figsize=(12, max(6.6, 3.6 + 0.17 * len(class_names))), layout="constrained")
    figure.suptitle(title, fontsize=12)
    _curve(axes[0, 0], train, "loss", label="training", color="#2563eb")
    _curve(axes[0, 0], evals, "loss", label="validation", color="#d97706", marker="o")
    _curve(axes[0, 1], evals, "mIoU", label="mIoU", color="#059669", marker="o")
    _curve(axes[0, 1], evals, "mAcc", label="mean class accuracy", color="#94a3b8", marker=".")
    _curve(axes[1, 0], train, "lr", label="learning rate", color="#7c3aed")
    axes[0, 1].set_ylim(0, 1)
    axes[1, 0].set_ylim(bottom=0)
    for axis, name in zip((axes[0, 0], axes[0, 1], axes[1, 0]), ("loss", "validation", "learning rate")):
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("iteration")
        axis.set_xlim(0, 1.03 * max((r["iter"] for r in records if "iter" in r), default=1))
        axis.grid(alpha=0.25)
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
        else:
            axis.text(0.5, 0.5, "nothing yet", ha="center", va="center", transform=axis.transAxes, color="#64748b")
    _bars(axes[1, 1], evals, class_names, palette)
    return to_png(figure, dpi=100)


def _curve(axis, records, key: str, **style: Any) -> None:
    points = [(r["iter"], r[key]) for r in records if isinstance(r.get(key), (int, float))]
    if points:
        axis.plot(*zip(*points), ms=4, lw=1.6, **style)


def _bars(axis, evals, class_names, palette) -> None:
    best = max(evals, key=lambda r: r.get("mIoU") or -1, default=None)
    axis.set_title(
        "IoU of each class" + ("" if best is None else f", best validation (iteration {best['iter']})"), fontsize=10
    )
    if best is None:
        axis.set_axis_off()
        return
    values = class_ious(best, class_names)
    shown = [v if isinstance(v, (int, float)) and np.isfinite(v) else 0.0 for v in values]
    places = np.arange(len(class_names))
    axis.barh(places, shown, color=np.asarray(palette)[: len(places)] / 255, edgecolor="#475569", lw=0.5)
    shown_names = [legend_name(i, name) for i, name in enumerate(class_names)]
    axis.set_yticks(places, shown_names, fontsize=8 if len(places) <= 25 else 5)
    letter(*axis.get_yticklabels())
    axis.invert_yaxis()
    axis.set_xlim(0, 1.1)  # the figures stand behind the bars, whose colours may be dark
    axis.set_xticks(np.linspace(0, 1, 6))
    for place, value, raw in zip(places, shown, values):
        text = f"{value:.2f}" if raw is not None and np.isfinite(raw) else "absent"
        axis.text(value + 0.01, place, text, va="center", fontsize=7)
