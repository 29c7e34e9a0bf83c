"""Roboflow's exports: COCO segmentation, and semantic masks; ``train``, ``valid`` and ``test`` stay what they are.

COCO: ``train/_annotations.coco.json`` beside its pictures. Masks: ``train/_classes.csv``
(``Pixel Value, Class``), and ``x_mask.png`` beside ``x.jpg``.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from ...data import read_label
from ...errors import DataError
from .coco import Source, coco_parts_job
from .documents import Reader
from .job import SHOWN, Item, Job
from .names import IGNORE, tidy
from .pictures import PictureFinder, Targets, is_file
from .tally import Tally
from .values import shortened, whole

PARTS = {"": None, "train": "train", "valid": "val", "val": "val", "test": "test"}
COCO, CLASSES, MASK = "_annotations.coco.json", "_classes.csv", "_mask"


def roboflow_job(
    folder: Path, *, class_names: list[str] | None = None, crowd: str = "keep", reader: Reader | None = None
) -> Job:
    """Labels of an unpacked export.

    Args:
        class_names: classes to keep, in the order of their ids (COCO exports); all by default.
        crowd: as for :func:`.coco.coco_job`.
        reader: of the files; by default one that recognises their encoding.
    """
    reader = reader or Reader()
    places = {folder / name: part for name, part in PARTS.items() if (folder / name).is_dir()}
    sources = [Source(place / COCO, place, part) for place, part in places.items() if is_file(place / COCO)]
    if sources:
        return coco_parts_job(sources, class_names=class_names, crowd=crowd, reader=reader, unused_roots=False)
    tables = {place: read_classes(place / CLASSES, reader) for place in places if is_file(place / CLASSES)}
    if not tables:
        raise DataError(
            f"{folder} is no export of Roboflow for segmentation: neither {COCO} nor {CLASSES} is in it or in its "
            "train, valid, test. Choose 'COCO Segmentation' or 'Semantic Segmentation Masks' there; for its YOLO "
            "export use 'prepare yolo'."
        )
    return masks_job({place: places[place] for place in tables}, tables, reader, class_names)


def masks_job(
    places: dict[Path, str | None], tables: dict[Path, dict[int, str]], reader: Reader, class_names: list[str] | None
) -> Job:
    """Every ``*_mask.png`` of the folders; all must have the same classes."""
    first, table = next(iter(tables.items()))
    other = next((place for place, found in tables.items() if found != table), None)
    if other is not None:
        raise DataError(f"{other / CLASSES} and {first / CLASSES} have different classes: export them together.")
    if class_names is not None:
        raise DataError("--classes chooses among the classes of COCO exports; masks keep theirs.")
    ids = {value: i for i, value in enumerate(sorted(table))}
    names = [table[value] for value in ids]
    job = Job([], names, files={"labels.txt": "\n".join(names) + "\n"}, notes=reader.notes())
    targets = Targets()
    for place, part in places.items():
        finder = PictureFinder(place)
        for mask in [path for path in finder.by_path.values() if path.stem.endswith(MASK)]:
            stem = str(finder.relative(mask).with_suffix(""))[: -len(MASK)]
            found = finder.named(stem)
            if len(found) != 1:
                job.problems.append(f"{mask}: {len(found)} pictures are called {stem}; there must be one beside it.")
                job.tally.leave("in a file that could not be used")
                continue
            name = targets.take(PurePosixPath(part or "") / f"{stem}{found[0].suffix}")
            job.items.append(
                Item.with_copy(
                    name, found[0], label=partial(mapped, mask, ids), sources=(mask, place / CLASSES), part=part
                )
            )
    job.notes += targets.notes()
    return job


def read_classes(path: Path, reader: Reader) -> dict[int, str]:
    """Value in the masks -> class name.

    Raises:
        DataError: another table than ``Pixel Value, Class``.
    """
    table: dict[int, str] = {}
    try:
        rows = list(csv.reader(reader.text(path).splitlines()))
    except csv.Error as e:
        raise DataError(f"{path} is not valid CSV: {e}.") from None
    for number, row in enumerate(rows, 1):
        if number == 1 or not any(cell.strip() for cell in row):
            continue
        value, name = (whole(row[0]), tidy(row[1])) if len(row) == 2 else (None, "")
        if value is None or not 0 <= value < IGNORE or not name or value in table:
            raise DataError(
                f"{path}, line {number}: expected 'value, class' with a value of its own, found {row!r:.60}."
            )
        table[value] = name
    twice = [name for name in table.values() if list(table.values()).count(name) > 1]
    if not table or twice:
        raise DataError(f"{path}: {'names twice: ' + shortened(sorted(set(twice))) if twice else 'holds no classes'}.")
    return table


def mapped(path: Path, ids: dict[int, int], tally: Tally) -> np.ndarray:
    """Class ids of a mask.

    Raises:
        DataError: a value that is no class.
    """
    label = read_label(path)
    strange = [v for v in np.unique(label).tolist() if v not in ids and v != IGNORE]
    if strange:
        raise DataError(f"{path} holds values {strange[:SHOWN]} that {CLASSES} does not list.")
    table = np.full(256, IGNORE, np.uint8)
    for value, target in ids.items():
        table[value] = target
    return table[label]
