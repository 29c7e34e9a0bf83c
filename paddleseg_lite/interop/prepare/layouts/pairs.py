"""Folders of pictures and of labels, under the names people give them.

A folder of labels is the folder of pictures with one word of its path changed
(``images/train`` and ``masks/train``, ``train`` and ``train_labels``); in both, or in one
folder alone, names agree up to an ending such as ``_mask``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ....errors import DataError
from ..documents import Reader
from ..job import Item, Job
from ..lists import LABELS, LIST_NAME, fits_a_list
from ..names import tidy
from ..pictures import IMAGES, is_file, walk
from ..values import shortened
from .base import Layout
from .label_kinds import look_at

PICTURES = {
    "images", "image", "img", "imgs", "img_dir", "jpegimages", "photos", "pictures", "pics", "input", "inputs", "data",
    "raw", "rgb", "frames", "original", "originals", "x", "图片", "原图", "图像",
}  # fmt: skip
MASKS = {
    "annotations", "annotation", "annots", "annot", "ann_dir", "ann", "labels", "label", "masks", "mask", "gt", "gts",
    "masks_machine", "groundtruth", "ground_truth", "segmentationclass", "segmentationclasspng", "segmentation",
    "segmentations", "seg", "segs", "target", "targets", "output", "outputs", "y", "标签", "标注", "掩码",
}  # fmt: skip
LABEL_END = re.compile(
    r"[_\-. ](masks?|labels?|gt|seg|segmentation|annotations?|lab|annot|L|P|color|labelids|labeltrainids)$",
    re.IGNORECASE,
)
IMAGE_END = re.compile(r"[_\-. ](image|img|sat|rgb|leftimg8bit|orig|original|photo)$", re.IGNORECASE)
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
LABEL_TYPES = (*LABELS, ".jpg", ".jpeg", ".gif")
NAME_FILES = ("labels.txt", "class_names.txt", "classes.txt", "label_names.txt", "codes.txt", "obj.names")


def pairs(folder: Path, reader: Reader) -> Layout | None:
    """Pictures and labels in folders of common names, or in one folder under names that differ by an ending."""
    found = folder_pairs(folder)
    if not found:
        return None
    job = pairs_job(folder, found, reader)
    shown = "; ".join(f"{a.relative_to(folder)} and {b.relative_to(folder)}" for a, b in found[:2] if a != b)
    return Layout("pictures and label pictures", shown or "one folder, names with an ending such as _mask", job)


def look_like_photos(pictures: Sequence[Path]) -> bool:
    """Whether neither the names of pictures nor those of their folders say that some are labels."""
    return not any(p.parent.name.lower() in MASKS or LABEL_END.search(p.stem) for p in pictures)


def folder_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Folders of pictures with their folders of labels."""
    places = sorted({path.parent for path in walk(folder, IMAGES)})
    known = {place.relative_to(folder).as_posix().lower(): place for place in places}
    found, taken = [], set()
    for place in places:
        parts = place.relative_to(folder).as_posix().lower().split("/")
        partner = next((known[name] for name in partners(parts) if name in known and known[name] != place), None)
        if partner is not None and place not in taken and partner not in taken and common(place, partner):
            found.append((place, partner))
            taken |= {place, partner}
    if not found:
        found = [(place, place) for place in places if common(place, place)]
    return found


def partners(parts: list[str]) -> Iterable[str]:
    """What the folder of labels of a folder of pictures may be called, relative and in lower case."""
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] in PICTURES:
            for word in sorted(MASKS):
                yield "/".join([*parts[:i], word, *parts[i + 1 :]])
        for word in sorted(MASKS):
            for joined in (f"{parts[i]}_{word}", f"{parts[i]}{word}", f"{parts[i]}-{word}"):
                yield "/".join([*parts[:i], joined, *parts[i + 1 :]])
        if parts[i].endswith(("_images", "_imgs", "_img", "_image")):
            stem = parts[i].rsplit("_", 1)[0]
            for word in sorted(MASKS):
                yield "/".join([*parts[:i], f"{stem}_{word}", *parts[i + 1 :]])
    for word in sorted(MASKS):  # pictures lie in the folder itself, labels in one below
        yield "/".join([p for p in (*parts, word) if p not in ("", ".")])


def common(pictures: Path, masks: Path) -> dict[str, tuple[Path, Path]]:
    """Name -> picture and label, for the names that both folders have (not what is in folders below)."""
    labels = [p for p in files_in(masks, LABEL_TYPES) if pictures != masks or LABEL_END.search(p.stem)]
    images = [p for p in files_in(pictures, IMAGES) if p not in labels]
    if pictures == masks and not labels:  # a.jpg is the picture, a.png the label
        labels = [p for p in images if p.suffix.lower() == ".png"]
        images = [p for p in images if p.suffix.lower() != ".png"]
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in labels:
        for stem in dict.fromkeys((path.stem, LABEL_END.sub("", path.stem))):
            by_stem[stem].append(path)
    for ending in (None, IMAGE_END):
        found = {}
        for image in images:
            stem = image.stem if ending is None else ending.sub("", image.stem)
            if by_stem.get(stem):
                found[image.stem] = image, min(by_stem[stem], key=lambda p: preference(p, stem))
        if found:
            return found
    return {}


def preference(label: Path, stem: str) -> tuple:
    """Which of several labels of a picture to take: of its very name, PNG, ids before colours."""
    return label.stem != stem, label.suffix.lower() != ".png", "color" in label.stem.lower(), label.name


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files in a folder itself with one of the endings, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes and is_file(p))


def pairs_job(
    folder: Path,
    folders: list[tuple[Path, Path]],
    reader: Reader,
    *,
    parts: Mapping[str, str] | None = None,
    names_in: Path | None = None,
) -> Job:
    """A job of all pairs in pairs of folders; labels that hold ids stay where they are.

    Args:
        folder: that the lists' paths start from.
        folders: folders of pictures and of labels.
        parts: name of a picture -> part; by default as the folders' names say.
        names_in: where a file of class names may be; ``folder`` by default.

    Raises:
        DataError: there are no pairs.
    """
    found = [(a, b, key, pair) for a, b in folders for key, pair in common(a, b).items()]
    if not found:
        raise DataError(f"{folder}: no picture has a label of its name.")
    job = Job([], read_class_names(names_in or folder, reader))
    labels = look_at([pair[1] for *_, pair in found], names_in or folder, reader, named=len(job.class_names))
    job.class_names, job.palette = labels.names or job.class_names, labels.palette
    job.notes += labels.notes
    alone = sum(len(files_in(a, IMAGES)) for a, b in folders if a != b) - sum(a != b for a, b, _, _ in found)
    if alone > 0:
        job.notes.append(f"{alone} pictures without a label were left out")
    for pictures, _, key, (image, label) in found:
        if not (fits_a_list(image) and fits_a_list(label)):
            job.problems.append(f"{image}: {LIST_NAME}")
            continue
        words = [p.lower() for p in image.relative_to(folder).parts[:-1]]
        part = parts.get(key) if parts else next((p for w in words if (p := part_of(w))), None)
        target = None
        if labels.convert is not None:
            target = Path("annotations", pictures.relative_to(folder), f"{key}.png")
        pair = (image.absolute(), (target or label.absolute()))
        make = labels.convert or labels.read
        job.items.append(Item(partial(make, label), target, image, sources=(label,), part=part, pair=pair))
    return job


def part_of(word: str) -> str | None:
    """The part of a dataset that a folder's name tells, also as in ``train_images``."""
    return PARTS.get(word) or next((part for name, part in PARTS.items() if re.match(rf"{name}[_-]", word)), None)


def read_class_names(folder: Path, reader: Reader) -> list[str]:
    """Names of the classes from a text file with one a line; labelme's ``__ignore__`` is id 255."""
    for name in NAME_FILES:
        if is_file(folder / name):
            names = [tidy(line) for line in reader.text(folder / name).splitlines() if tidy(line)]
            names = [n for n in names if n != "__ignore__"]
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise DataError(f"{folder / name}: names twice: {shortened(twice)}.")
            return names
    return []
