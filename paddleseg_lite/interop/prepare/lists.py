"""``train.txt``, ``val.txt``, ``test.txt`` from folders of images and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...data import read_label
from ...errors import ConfigError, DataError
from .job import SHOWN, Item, Job
from .names import IGNORE, read_names
from .pictures import IMAGES

LABELS = (".png", ".npy", ".bmp", ".tif", ".tiff")
PARTS = ("train", "val", "test")


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
    """Pair files by name and deal them out at random, the same way for the same seed and names.

    Args:
        root: folder the lists' paths start from.
        images, labels: folders below it.
        ratio: shares of train, val and, if given, test; scaled to 1.
        image_suffix, label_suffix: ends of the names that differ (``_leftImg8bit``).
        classes: names or a file of names; ``labels.txt`` of ``root`` by default.
    """
    if not 2 <= len(ratio) <= 3 or min(ratio) < 0 or sum(ratio) <= 0 or ratio[0] <= 0:
        raise ConfigError(f"--ratio is two or three shares (train, val, test), such as 0.8 0.1 0.1; got {list(ratio)}.")
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
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    bounds = np.round(np.cumsum(ratio) / sum(ratio) * len(names)).astype(int)
    files = {}
    for part, start, stop in zip(PARTS, [0, *bounds], bounds):
        chosen = sorted(order[start:stop])
        lines = [f"{pictures[n].relative_to(root).as_posix()}\t{masks[n].relative_to(root).as_posix()}" for n in chosen]
        files[f"{part}.txt"] = "".join(f"{line}\n" for line in lines)
        notes.append(f"{part}.txt: {len(chosen)} pairs")
    given = classes or (str(root / "labels.txt") if (root / "labels.txt").is_file() else None)
    class_names = read_names(given) or []
    items = [Item(lambda tally, p=masks[n]: narrow(p, len(class_names)), None, pictures[n]) for n in names]
    return Job(items, class_names, files=files, notes=notes)


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
