"""Plots as PNG bytes, drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from ..metrics.confusion import ConfusionMatrix
from ..visualize.lettering import font_for


def pyplot():
    """``matplotlib.pyplot`` on the Agg canvas."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def to_png(figure, *, dpi: int = 110) -> bytes:
    """A matplotlib figure as PNG; the figure is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight")
    pyplot().close(figure)
    return buffer.getvalue()


def letter(*texts) -> None:
    """Give texts of a figure a font that has their characters, of those this machine has."""
    from matplotlib.font_manager import FontProperties

    for text in texts:
        path = font_for(text.get_text())
        if path is not None:
            text.set_fontproperties(FontProperties(fname=path, size=text.get_fontsize()))


def confusion_picture(matrix: ConfusionMatrix, class_names: Sequence[str]) -> bytes:
    """A confusion matrix, each row divided by its sum; readable at 2 classes and at 150.

    Up to 25 classes every cell from 0.5 % on shows its per cent; with more, the
    cells shrink and the names too.

    Args:
        matrix: rows truth, columns prediction.
        class_names: K.
    """
    plt = pyplot()
    k = len(class_names)
    share = matrix.normalized()
    cell, font = (0.5, 8) if k <= 25 else ((0.26, 6.5) if k <= 70 else (0.17, 4.6))
    figure, axes = plt.subplots(figsize=(2.2 + cell * k, 1.8 + cell * k))
    colors = plt.get_cmap("Blues").with_extremes(bad="#e5e7eb")  # bad: a class that does not occur in the truth
    picture = axes.imshow(np.ma.masked_invalid(share), cmap=colors, vmin=0, vmax=1)
    axes.set_xticks(range(k), class_names, rotation=90, fontsize=font)
    axes.set_yticks(range(k), class_names, fontsize=font)
    letter(*axes.get_xticklabels(), *axes.get_yticklabels())
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    if k <= 25:
        for y, x in np.argwhere(np.nan_to_num(share) >= 0.005):
            color = "white" if share[y, x] > 0.5 else "black"
            axes.text(x, y, f"{100 * share[y, x]:.0f}", ha="center", va="center", fontsize=7, color=color)
    figure.colorbar(picture, fraction=0.035, pad=0.02)
    return to_png(figure, dpi=110 if k <= 70 else 150)


def reliability_picture(confidence: np.ndarray, accuracy: np.ndarray, share: np.ndarray) -> bytes:
    """Accuracy against confidence, bin by bin; bars show how many pixels a bin holds.

    Args:
        confidence, accuracy: mean of each bin, nan where it is empty.
        share: part of all pixels in each bin.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    edges = (np.arange(len(share)) + 0.5) / len(share)
    axes.bar(edges, share, width=1 / len(share), color="#cbd5e1", label="share of pixels")
    axes.plot([0, 1], [0, 1], ls="--", color="#94a3b8", lw=1)
    axes.plot(confidence, accuracy, marker="o", color="#2563eb", label="accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.legend(loc="upper left", frameon=False)
    return to_png(figure)
