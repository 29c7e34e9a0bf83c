"""The tab Try: one picture, one network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from ..data import colorize, restore, write_png
from ..errors import ConfigError
from ..files import write_text
from ..inference.logits import predict_logits
from ..inference.reduced import as_batch, fit
from ..interop import polygons
from ..visualize import background_classes, contours, overlay, rgb
from ..visualize.overlays import IGNORED
from .networks import Network

VIEWS = ("overlay", "classes", "confidence", "picture")
CONFIDENCE_SIDE = 1024  # pixels; larger pictures are reduced for their confidence, never for their classes


@dataclass(frozen=True)
class Tried:
    """A picture and what a network made of it.

    Attributes:
        image: uint8 ``[H, W, C]``.
        labels: class ids ``[H, W]``, those of ``Loaded.predict``.
        milliseconds: that took.
        computed_by: backend and precision.
        confidence: probability of the class predicted, float32 ``[H, W]``; None where it was not asked for.
    """

    image: np.ndarray
    labels: np.ndarray
    class_names: list[str]
    palette: np.ndarray
    milliseconds: float
    computed_by: str
    confidence: np.ndarray | None = None


def segment(
    network: Network, image: np.ndarray, *, backend: str = "dygraph", precision: str = "fp32", confidence: bool = False
) -> Tried:
    """Segment a picture uint8 ``[H, W, C]``.

    Raises:
        UserError: it does not fit the network, or the backend is not to be had.
    """
    labels, milliseconds, computed_by = network.labels(image, backend, precision)
    sure = confidence_map(network, image) if confidence else None
    return Tried(image, labels, network.class_names, network.palette, milliseconds, computed_by, sure)


def with_confidence(network: Network, tried: Tried) -> Tried:
    """The same with its confidence map."""
    return replace(tried, confidence=confidence_map(network, tried.image))


def confidence_map(network: Network, image: np.ndarray) -> np.ndarray:
    """Probability of the most probable class at each pixel, float32 ``[H, W]``, by the network itself."""
    loaded = network.open
    small = fit(image, CONFIDENCE_SIDE)
    sample = loaded.sample(small)[0]
    logits = predict_logits(loaded.backend, as_batch(sample), options=loaded.any_size)
    with paddle.no_grad():
        logits = restore(logits, sample["meta"]["trans_info"])
        sure = F.softmax(logits, axis=1).max(1, keepdim=True)
        if small.shape != image.shape:
            sure = restore(sure, [("resize", image.shape[:2])])
        return sure.numpy()[0, 0]


def draw(
    tried: Tried, view: str = "overlay", *, opacity: float = 0.6, hidden: Sequence[str] = (), lines: bool = False
) -> np.ndarray:
    """The picture of one view, uint8 RGB.

    Args:
        view: ``overlay``, ``classes``, ``confidence`` (black 0, white 1) or ``picture``.
        opacity: of the colours of an overlay.
        hidden: names of classes that are left as the picture is.
        lines: a line where two classes meet.
    """
    if view not in VIEWS:
        raise ConfigError(f"view '{view}' is unknown: one of {', '.join(VIEWS)}.")
    image, off = rgb(tried.image), [i for i, name in enumerate(tried.class_names) if name in set(hidden)]
    if view == "confidence":
        if tried.confidence is None:
            raise ConfigError("there is no confidence map of this picture: segment it with that view chosen.")
        return np.repeat(np.round(255 * tried.confidence).astype(np.uint8)[..., None], 3, axis=2)
    if view == "classes":
        picture = colorize(tried.labels, tried.palette, ignore_colour=IGNORED)
        picture[np.isin(tried.labels, off)] = 255
    elif view == "overlay":
        picture = overlay(image, tried.labels, tried.palette, opacity=opacity, hidden=off)
    else:
        picture = image
    return contours(picture, tried.labels) if lines else picture


def areas(tried: Tried) -> list[list[Any]]:
    """Rows of id, colour (``#rrggbb``), name, pixels, percent of each class that is there, the largest first."""
    counts = np.bincount(tried.labels.ravel(), minlength=len(tried.class_names))
    rows = []
    for i in np.argsort(-counts, kind="stable"):
        if counts[i]:
            red, green, blue = (int(v) for v in tried.palette[i])
            share = round(100 * float(counts[i]) / tried.labels.size, 2)
            rows.append([int(i), f"#{red:02x}{green:02x}{blue:02x}", tried.class_names[i], int(counts[i]), share])
    return rows


def write_files(tried: Tried, folder: Path, *, opacity: float = 0.6, hidden: Sequence[str] = ()) -> list[Path]:
    """``ids.png`` (raw class ids), ``overlay.png`` and ``polygons.json`` (labelme) in a folder."""
    ids = tried.labels if tried.labels.dtype == np.uint8 else tried.labels.astype(np.uint16)
    write_png(folder / "ids.png", ids)
    write_png(folder / "overlay.png", draw(tried, opacity=opacity, hidden=hidden))
    background = next(iter(background_classes(tried.class_names)), None)
    document = polygons.labelme(tried.labels, tried.class_names, "picture.png", background=background)
    write_text(folder / "polygons.json", json.dumps(document, ensure_ascii=False))
    return [folder / name for name in ("ids.png", "overlay.png", "polygons.json")]
