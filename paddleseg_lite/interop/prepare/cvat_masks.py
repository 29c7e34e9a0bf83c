"""CVAT's "Segmentation mask" export: ``labelmap.txt`` and ``SegmentationClass``, maybe pictures and lists.

Class 0 is the background; labels follow in the order of the table of their colours.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import DataError
from .colours import SUFFIXES, to_ids
from .documents import Reader
from .job import Item, Job
from .names import IGNORE, is_background, tidy
from .pictures import PictureFinder, Targets, walk
from .tally import Tally
from .values import shortened

PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def cvat_masks_job(
    labelmap: Path, images: Path | None, *, class_names: list[str] | None = None, reader: Reader | None = None
) -> Job:
    """Labels of every mask beside a ``labelmap.txt``.

    Args:
        labelmap: the table of names and colours; ``SegmentationClass`` is beside it.
        images: folder of the pictures; ``JPEGImages`` beside it by default.
        class_names: labels to keep, in the order of their ids; others become background.
        reader: of the text files; by default one that recognises their encoding.
    """
    reader = reader or Reader()
    table = read_labelmap(labelmap, reader)
    root, names = labelmap.parent, ["background", *(n for n in table if not is_background(n))]
    if class_names is not None:
        missing = [n for n in class_names if n not in names and not is_background(n)]
        if missing:
            raise DataError(f"{labelmap}: there is no label '{missing[0]}'. There are: {shortened(table, 30)}.")
        names = ["background", *(n for n in class_names if not is_background(n))]
    if len(names) > IGNORE:
        raise DataError(f"{labelmap}: {len(names)} classes do not fit into 8-bit labels; choose some with --classes.")
    codes = {(r << 16) | (g << 8) | b: names.index(n) if n in names else 0 for n, (r, g, b) in table.items()}
    codes.setdefault(0, 0)  # black is the background, listed or not
    masks = walk(root / "SegmentationClass", SUFFIXES)
    if not masks:
        raise DataError(f"{root / 'SegmentationClass'} holds no PNG files: name the folder or zip that CVAT exported.")
    folder = images or next((root / n for n in ("JPEGImages", "images") if (root / n).is_dir()), None)
    if folder is None:
        raise DataError(
            f"{root} has no JPEGImages: name the folder of the pictures with --images, or export with images."
        )
    finder, targets, parts = PictureFinder(folder), Targets(), read_parts(root, reader)
    job = Job([], names, files={"labels.txt": "\n".join(names) + "\n"}, notes=reader.notes())
    for path in masks:
        relative = PurePosixPath(path.relative_to(root / "SegmentationClass").as_posix())
        name = str(relative.with_suffix(""))
        found = finder.named(name) or finder.with_bare_stem(relative.stem)
        if len(found) != 1:
            job.problems.append(f"{path}: {len(found)} pictures in {folder} are called {name}; there must be one.")
            job.tally.leave("in a file that could not be used")
            continue
        stem = targets.take(PurePosixPath(f"{name}{found[0].suffix}"))
        job.items.append(
            Item.with_copy(
                stem, found[0], label=partial(ids_of, path, codes), sources=(path, labelmap), part=parts.get(name)
            )
        )
    job.notes += targets.notes()
    return job


def ids_of(path: Path, codes: dict[int, int], tally: Tally) -> np.ndarray:
    """Ids of a mask; a colour that is no label is an error."""
    return to_ids(path, codes, "error")


def read_labelmap(path: Path, reader: Reader) -> dict[str, tuple[int, int, int]]:
    """Label -> RGB, in the order of the file; lines are ``name:R,G,B:parts:actions``.

    Raises:
        DataError: a malformed line, a name or colour twice, or none.
    """
    table: dict[str, tuple[int, int, int]] = {}
    for number, line in enumerate(reader.text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.*?):([0-9]{1,3}),\s*([0-9]{1,3}),\s*([0-9]{1,3})(:.*)?", line.strip())
        name, rgb = (tidy(match[1]), tuple(int(v) for v in match.groups()[1:4])) if match else ("", (256,))
        if not name or max(rgb) > 255:
            raise DataError(f"{path}, line {number}: expected 'name:R,G,B::' with values 0..255, found {line[:60]!r}.")
        if name in table or rgb in table.values():
            raise DataError(f"{path}, line {number}: the name '{name}' or its colour {rgb} is there already.")
        table[name] = rgb
    if not table:
        raise DataError(f"{path}: holds no labels. Lines are 'name:R,G,B::'.")
    return table


def read_parts(root: Path, reader: Reader) -> dict[str, str]:
    """Picture -> part, from ``ImageSets/Segmentation/Train.txt`` and the like."""
    parts = {}
    for path in walk(root / "ImageSets" / "Segmentation", (".txt",)):
        if path.stem.lower() in PARTS:
            names = (line.strip() for line in reader.text(path).splitlines())
            parts.update({name: PARTS[path.stem.lower()] for name in names if name})
    return parts
