"""Folders of images and labels as pairs, to be dealt into ``train.txt``, ``val.txt`` and ``test.txt``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...data import read_label
from ...errors import DataError
from .dealing import check_ratio
from .job import SHOWN, Item, Job
from .names import IGNORE, read_names
from .pictures import IMAGES

LIST_NAME = "a list cannot hold this name (tab, line break, not UTF-8). Rename it."
LABELS = (".png", ".npy", ".bmp", ".tif", ".tiff")


def split_job(
    root: Path,
    *,
    images: str = "images",
    labels: str = "annotations",
    ratio: Sequence[float] = (0.8, 0.2),
    seed: int = 0,
    image_suffix: str = "",
    label_suffix: str = "",
    classes: str | None = None,
) -> Job:
    """Pair files by name, to be dealt out at random: the same way for the same seed and pictures.

    Args:
        root: folder the lists' paths start from.
        images, labels: folders below it.
        ratio: shares of train, val and, if given, test; scaled to 1.
        image_suffix, label_suffix: ends of the names that differ (``_leftImg8bit``).
        classes: names or a file of names; ``labels.txt`` of ``root`` by default.
    """
    check_ratio(ratio)
    pictures, masks = by_name(root / images, IMAGES, image_suffix), by_name(root / labels, LABELS, label_suffix)
    names = sorted(set(pictures) & set(masks))
    if not names:
        raise DataError(
            f"no image of {root / images} has a label of the same name in {root / labels} (images: "
            f"{', '.join(sorted(pictures)[:3])}; labels: {', '.join(sorted(masks)[:3])}). Names that end differently "
            "need --image_suffix or --label_suffix."
        )
    notes = []
    for kind, alone in (
        ("images without a label", set(pictures) - set(masks)),
        ("labels without an image", set(masks) - set(pictures)),
    ):
        if alone:
            shown = ", ".join(sorted(alone)[:SHOWN]) + (", ..." if len(alone) > SHOWN else "")
            notes.append(f"{len(alone)} {kind}, left out: {shown}")
    given = classes or (str(root / "labels.txt") if (root / "labels.txt").is_file() else None)
    class_names = read_names(given) or []
    problems = [f"{p}: {LIST_NAME}" for n in names for p in (pictures[n], masks[n]) if not fits_a_list(p)]
    names = [n for n in names if fits_a_list(pictures[n]) and fits_a_list(masks[n])]
    items = [
        Item(
            label=lambda tally, p=masks[n]: narrow(p, len(class_names)),
            target=None,
            image=pictures[n],
            sources=(masks[n],),
            pair=(pictures[n].relative_to(root), masks[n].relative_to(root)),
        )
        for n in names
    ]
    return Job(items, class_names, notes=notes, problems=problems, ratio=ratio, seed=seed)


def fits_a_list(path: Path) -> bool:
    """Whether a line of a list can hold a path."""
    text = str(path)
    return text.encode("utf-8", "replace").decode() == text and len(text.splitlines()) == 1 and "\t" not in text


def by_name(folder: Path, suffixes: Sequence[str], ending: str) -> dict[str, Path]:
    """Files below ``folder`` by their path without the ending."""
    if not folder.is_dir():
        raise DataError(f"folder {folder} does not exist.")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in suffixes or not path.stem.endswith(ending):
            continue
        stem = path.stem[: len(path.stem) - len(ending)]
        name = (path.parent / stem).relative_to(folder).as_posix()
        if name in found:
            raise DataError(f"{path} and {found[name]} have the same name; a list needs one file for each.")
        found[name] = path
    return found


def narrow(path: Path, count: int) -> np.ndarray:
    """A label as uint8, its ids checked where the classes are known."""
    label = read_label(path)
    if label.dtype != np.uint8 and (label.min() < 0 or label.max() > IGNORE):
        raise DataError(f"label {path} holds ids up to {int(label.max())}; lists are made for 8-bit labels.")
    wrong = [int(i) for i in np.unique(label) if i != IGNORE and i >= count] if count else []
    if wrong:
        raise DataError(f"label {path} holds ids {wrong[:SHOWN]}, but there are {count} classes.")
    return label.astype(np.uint8)
