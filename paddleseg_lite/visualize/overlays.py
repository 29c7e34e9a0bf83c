"""Pictures for people: overlays, contours, legends, side-by-side panels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import cv2
import numpy as np

from ..data import blend, colorize
from ..data.distinct_colours import is_background
from .lettering import draw_text, letterable, tell_missing, text_width

IGNORED = (128, 128, 128)  # grey, unlike any class of the shipped palettes


def rgb(image: np.ndarray) -> np.ndarray:
    """Three channels of any number, for showing."""
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., :3]


def overlay(
    image: np.ndarray, labels: np.ndarray, palette: np.ndarray, *, opacity: float = 0.6, hidden: Collection[int] = ()
) -> np.ndarray:
    """Class colours over an RGB image; ``opacity`` 0 shows the image alone, 1 the colours alone.

    Args:
        image: uint8 RGB ``[H, W, 3]``.
        labels: ``[H, W]`` class ids.
        palette: uint8 RGB ``[K, 3]``.
        opacity: of the colours.
        hidden: classes whose pixels show the image as it is (see :func:`background_classes`).
    """
    picture = blend(image, colorize(labels, palette, ignore_colour=IGNORED), 1 - opacity)
    if hidden:
        bare = np.isin(labels, list(hidden))
        picture[bare] = image[bare]
    return picture


def background_classes(class_names: Sequence[str]) -> tuple[int, ...]:
    """Classes that are background by their name, unless all are."""
    found = tuple(i for i, name in enumerate(class_names) if is_background(name))
    return found if len(found) < len(class_names) else ()


def contours(picture: np.ndarray, labels: np.ndarray, *, color=(255, 255, 255)) -> np.ndarray:
    """Draw a one-pixel line wherever two classes meet."""
    edge = np.zeros(labels.shape, dtype=bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:, :] |= labels[1:, :] != labels[:-1, :]
    picture = picture.copy()
    picture[edge] = color
    return picture


def panel(pictures: list[np.ndarray], *, gap: int = 4, height: int | None = None) -> np.ndarray:
    """RGB pictures side by side on white, scaled to one height."""
    height = height or max(p.shape[0] for p in pictures)
    spacer = np.full((height, gap, 3), 255, dtype=np.uint8)
    row: list[np.ndarray] = []
    for picture in scaled(pictures, height):
        row += [picture, spacer]
    return np.concatenate(row[:-1], axis=1)


def scaled(pictures: list[np.ndarray], height: int) -> list[np.ndarray]:
    """RGB pictures brought to one height; class colours stay what they are."""
    return [
        p
        if p.shape[0] == height
        else cv2.resize(p, (max(1, round(p.shape[1] * height / p.shape[0])), height), interpolation=cv2.INTER_NEAREST)
        for p in pictures
    ]


def legend(
    class_names: list[str], palette: np.ndarray, *, columns: int = 1, row_height: int = 22, shares=None
) -> np.ndarray:
    """A picture that names every class beside its colour, with its share of the picture where ``shares`` are given.

    A name in a script that no font here has is replaced by its number, and :func:`legend_text` tells what that is.
    """
    names = [legend_name(i, name) for i, name in enumerate(class_names)]
    if shares is not None:
        names = [f"{name}  {100 * share:.1f} %" for name, share in zip(names, shares)]
    rows, size = -(-len(names) // columns), round(0.6 * row_height)
    column_width = max(text_width(name, size) for name in names) + 48
    canvas = np.full((rows * row_height + 8, columns * column_width + 8, 3), 255, dtype=np.uint8)
    for i, name in enumerate(names):
        x, y = 8 + (i // rows) * column_width, 4 + (i % rows) * row_height
        color = tuple(int(v) for v in palette[i])
        cv2.rectangle(canvas, (x, y + 3), (x + 24, y + row_height - 3), color, -1)
        cv2.rectangle(canvas, (x, y + 3), (x + 24, y + row_height - 3), (90, 90, 90), 1)
        line = canvas[y : y + row_height]
        draw_text(line, name, x + 32, row_height // 2, size)
    return canvas


def legend_name(index: int, name: str) -> str:
    """What the legend writes for a class."""
    name = " ".join(str(name).split())
    if name and letterable(name):
        return name
    if name:
        tell_missing(name, f"class {index}")
    return f"class {index}"


def legend_text(class_names: list[str], palette: np.ndarray) -> str:
    """The legend as text: id, colour, name, with tabs between."""
    lines = [f"{i}\t#{r:02x}{g:02x}{b:02x}\t{name}" for i, (name, (r, g, b)) in enumerate(zip(class_names, palette))]
    return "\n".join(lines) + "\n"


def beside(picture: np.ndarray, key: np.ndarray) -> np.ndarray:
    """A picture with a legend to its right, on white; as high as the picture."""
    height = picture.shape[0]
    column = np.full((height, key.shape[1], 3), 255, dtype=np.uint8)
    column[: min(height, key.shape[0])] = key[:height]
    return np.concatenate([picture, column], axis=1)


def class_shares(labels: np.ndarray, count: int) -> np.ndarray:
    """Share of each class ``[K]`` in the pixels of a class map."""
    return np.bincount(labels.ravel()[labels.ravel() < count], minlength=count)[:count] / labels.size
