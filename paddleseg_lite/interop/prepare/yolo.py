"""YOLO's segmentation text files: ``class x y x y ...`` a line, in fractions of the picture's size.

Class 0 here is the background, YOLO's class c is c + 1; of two objects the smaller lies
on top. Labels stand beside their pictures or in a folder ``labels`` where the pictures'
is ``images``; names come from ``data.yaml``, ``classes.txt`` or the like.
Source: the dataset format page of Ultralytics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from ...data import image_size
from ...errors import DataError
from .documents import Reader
from .job import Item, Job
from .names import with_background
from .pictures import PictureFinder, Targets, walk
from .raster import Canvas, corners, fill_polygon
from .tally import DISPUTED, MISSING, Tally
from .values import shortened, whole
from .yolo_names import Description, describe

FARTHEST = 2.0  # fractions beyond it are pixels


@dataclass
class Row:
    """A line: its number, class, and the numbers after it."""

    line: int
    category: int
    values: list[float]


def yolo_job(folder: Path, *, class_names: list[str] | None = None, reader: Reader | None = None) -> Job:
    """Labels of every picture below ``folder``.

    Args:
        class_names: classes to keep, in the order of their new ids; all by default.
        reader: of the text files; by default one that recognises their encodings.
    """
    reader = reader or Reader()
    finder = PictureFinder(folder)
    if not finder.by_path:
        raise DataError(f"{folder} holds no pictures: name the folder with images and labels (and data.yaml).")
    places = {image: label_paths(image, folder) for image in finder.by_path.values()}
    rows, bad = read_rows(folder, {path for paths in places.values() for path in paths}, reader)
    described = describe(folder, reader, last=max((r.category for found in rows.values() for r in found), default=-1))
    kept = described.names if class_names is None else class_names
    missing = [name for name in kept if name not in described.names]
    if missing:
        raise DataError(f"{folder}: there is no class '{missing[0]}'. There are: {shortened(described.names, 30)}.")
    names = with_background(kept, str(folder))
    job = Job([], names, files={"labels.txt": "\n".join(names) + "\n"}, unit="annotations", problems=list(bad.values()))
    targets, alone = Targets(), 0
    owners = {image: next((path for path in paths if path in rows), None) for image, paths in places.items()}
    shared = {label: [i.name for i, own in owners.items() if own == label] for label in set(owners.values()) - {None}}
    for image, label in owners.items():
        if any(path in bad for path in places[image]):
            continue
        if label is not None and len(shared[label]) > 1:
            if label in rows:
                job.problems.append(f"{label}: {' and '.join(shared[label])} both have this text file: rename one.")
                job.tally.leave(DISPUTED, str(label), count=len(rows.pop(label)))
            continue
        found = rows.pop(label, []) if label else []
        alone += label is None
        relative = finder.relative(image)
        stem = targets.take(PurePosixPath(*(part for part in relative.parts if part != "images")))
        job.items.append(
            Item.with_copy(
                stem,
                image,
                label=partial(draw, label, found, image, described, names),
                annotations=len(found),
                sources=(label,) if label else (),
                part=described.part_of(image, relative),
            )
        )
    for path, found in rows.items():
        job.tally.leave(MISSING, str(path), count=len(found))
    if alone:
        job.notes.append(f"{alone} pictures have no text file: all background, as YOLO means it")
    job.notes += reader.notes() + described.notes + targets.notes()
    return job


def label_paths(image: Path, folder: Path) -> list[Path]:
    """Where the text file of a picture may be: in ``labels`` for the last ``images`` of its path, or beside it."""
    parts = image.relative_to(folder).with_suffix(".txt").parts
    beside = folder.joinpath(*parts)
    places = [i for i, part in enumerate(parts[:-1]) if part.lower() == "images"]
    if folder.name.lower() == "images" and not places:
        return [folder.with_name("labels").joinpath(*parts), beside]
    return [folder.joinpath(*parts[:i], "labels", *parts[i + 1 :]) for i in places[::-1]] + [beside]


def read_rows(folder: Path, expected: set[Path], reader: Reader) -> tuple[dict[Path, list[Row]], dict[Path, str]]:
    """The lines of every label, and what is wrong with labels that cannot be read.

    Lists, names and remarks are text files too: one that is not ``expected`` to belong to
    a picture is a label only where it has lines of numbers.
    """
    rows: dict[Path, list[Row]] = {}
    bad: dict[Path, str] = {}
    places = [folder, folder.with_name("labels")] if folder.name.lower() == "images" else [folder]
    for path in [path for place in places for path in walk(place, (".txt",), broken=True)]:
        try:
            lines = [(n, line.split()) for n, line in enumerate(reader.text(path).splitlines(), 1) if line.strip()]
            if path in expected or any(len(words) > 4 and all(map(is_number, words)) for _, words in lines):
                rows[path] = [read_row(words, n, path) for n, words in lines]
        except DataError as e:
            bad[path] = str(e)
    return rows, bad


def is_number(word: str) -> bool:
    """Whether a word is one."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_row(words: list[str], line: int, path: Path) -> Row:
    """One line.

    Raises:
        DataError: not numbers, or not pairs of them after the class.
    """
    where = f"{path}, line {line}"
    strange = next((word for word in words if not is_number(word)), None)
    category = whole(float(words[0])) if strange is None else None
    if category is None or category < 0:
        raise DataError(f"{where}: expected 'class x y x y ...', but found {(strange or words[0])[:40]!r}.")
    if len(words) % 2 == 0:
        raise DataError(
            f"{where}: {len(words) - 1} numbers after the class, but x and y come in pairs. Predictions saved with a "
            "confidence have one more at the end: save them without it."
        )
    return Row(line, category, [float(word) for word in words[1:]])


def draw(
    path: Path | None, rows: list[Row], image: Path, described: Description, names: list[str], tally: Tally
) -> np.ndarray:
    """Paint the objects of a picture, small ones on large ones.

    Raises:
        DataError: too few points, or pixels instead of fractions.
    """
    height, width = image_size(image)
    canvas = Canvas(height, width)
    for row in rows:
        where = f"{path}, line {row.line}"
        value = described.class_of(row.category, names)
        if value is None:
            reason = "its class is not among --classes" if row.category in described.table else "its class has no name"
            tally.leave(reason, f"{where}, class {row.category}")
            continue
        if len(row.values) == 4:
            tally.leave("a box without polygon", where)
            continue
        points = corners(row.values, where)
        if np.abs(points).max() > FARTHEST:
            raise DataError(
                f"{where}: {np.abs(points).max():.6g} is no fraction of the picture's size. Divide x by the width and "
                "y by the height: YOLO's coordinates go from 0 to 1."
            )
        if canvas.paint([fill_polygon(points * (width, height), height, width)], value):
            tally.use()
        else:
            tally.leave("without a pixel in its picture", where)
    return canvas.label
