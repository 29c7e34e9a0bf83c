"""COCO's JSON: instances (polygons, run lengths) or panoptic segments -> ids of categories.

Instances: class 0 is the background, categories follow in the order of their ids; of
two objects the smaller lies on top. Panoptic: categories in the order of their ids from
class 0 on; pixels of no segment are ignored. Source: COCO's data format page; polygons
become pixels as in pycocotools (:mod:`.raster`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...errors import DataError
from .coco_categories import Categories
from .coco_panoptic import panoptic_label
from .documents import Reader
from .foreign import looks_like
from .job import Item, Job
from .names import IGNORE
from .pictures import PictureFinder, Targets, agreed_size
from .raster import Canvas, corners, fill_polygon
from .rle import decode_rle
from .tally import DISPUTED, MISSING, Tally
from .values import id_key, shortened, whole

PARTS = ("images", "annotations", "categories")


@dataclass
class Picture:
    """A picture of the file, with all annotations of it: entries that name one picture are merged."""

    image: Path
    entries: list[dict] = field(default_factory=list)
    annotations: list[dict] = field(default_factory=list)


@dataclass
class Source:
    """A COCO file, the folder of its images, and the part of the dataset they are (``train``, ``val``, ``test``)."""

    annotations: Path
    images: Path
    part: str | None = None


def coco_job(
    annotations: Path,
    images: Path,
    *,
    panoptic: Path | None = None,
    class_names: list[str] | None = None,
    crowd: str = "keep",
    reader: Reader | None = None,
) -> Job:
    """Labels of every image that a COCO file lists.

    Args:
        annotations: the JSON file.
        images: folder of the images.
        panoptic: folder of the panoptic PNGs; the JSON file is then a panoptic one.
        class_names: categories to keep, in the order of their new ids; others are
            background (instances) or ignored (panoptic).
        crowd: ``keep`` or ``ignore`` regions that hold many objects (``iscrowd``).
        reader: of the file; by default one that recognises its encoding.
    """
    reader = reader or Reader()
    source, document = Source(annotations, images), read_document(annotations, reader)
    segments = any("segments_info" in a for a in document["annotations"])
    if segments and panoptic is None:
        raise DataError(f"{annotations} is a panoptic file: name the folder of its PNGs with --panoptic_dir.")
    if panoptic is not None and not segments:
        raise DataError(f"{annotations} has no segments_info: it is no panoptic file. Leave --panoptic_dir out.")
    categories = Categories(document["categories"], class_names, background=not segments, where=str(annotations))
    job = new_job(categories, reader)
    if panoptic is None:
        maker = partial(partial, instance_label, categories, crowd, annotations)
    else:
        maker = partial(partial, panoptic_label, categories, PictureFinder(panoptic), annotations)
    add_items(job, document, source, maker, Targets())
    return job


def coco_parts_job(
    sources: Sequence[Source],
    *,
    class_names: list[str] | None = None,
    crowd: str = "keep",
    reader: Reader | None = None,
    unused_roots: bool = True,
) -> Job:
    """Labels of several instances files with the same categories: one for training, one for validation.

    Args:
        sources: the files.
        class_names, crowd, reader: as for :func:`coco_job`.
        unused_roots: keep categories that stand for a whole project (no parent, no annotation), as Roboflow writes.
    """
    reader = reader or Reader()
    documents = [read_document(source.annotations, reader) for source in sources]
    listed = [entry for document in documents for entry in document["categories"]]
    if not unused_roots:
        used = {id_key(a.get("category_id")) for document in documents for a in document["annotations"]}
        listed = [c for c in listed if c.get("supercategory") not in (None, "none") or id_key(c.get("id")) in used]
    where = ", ".join(str(source.annotations) for source in sources)
    categories, targets = Categories(listed, class_names, background=True, where=where), Targets()
    job = new_job(categories, reader)
    for source, document in zip(sources, documents):
        maker = partial(partial, instance_label, categories, crowd, source.annotations)
        add_items(job, document, source, maker, targets)
    return job


def new_job(categories: Categories, reader: Reader) -> Job:
    """A job of these classes, without items."""
    files = {"labels.txt": "\n".join(categories.names) + "\n"}
    return Job([], categories.names, files=files, unit="annotations", notes=reader.notes() + categories.notes)


def add_items(job: Job, document: dict, source: Source, maker: Callable[[Picture], Callable], targets: Targets) -> None:
    """An item for each picture of a file; ``maker`` gives what makes its label."""
    finder, before = PictureFinder(source.images), len(targets.renamed)
    for picture in pictures_of(document, finder, source.annotations, job):
        stem = targets.take(PurePosixPath(source.part or "") / finder.relative(picture.image))
        job.items.append(
            Item.with_copy(
                stem,
                picture.image,
                label=maker(picture),
                annotations=sum(count_of(a) for a in picture.annotations),
                sources=(source.annotations,),
                part=source.part,
            )
        )
    job.notes += targets.notes(before)


def read_document(path: Path, reader: Reader) -> dict[str, Any]:
    """A COCO file: an object with three lists of objects.

    Raises:
        DataError: it is none; where another tool wrote it, which.
    """
    content = reader.json(path)
    for key in PARTS:
        found = content.get(key) if isinstance(content, dict) else None
        if not isinstance(found, list):
            raise DataError(
                f"{path}: there is no list '{key}'. Is it a COCO instances or panoptic file?"
                f"{looks_like(content, but='a panoptic or instances')}"
            )
        for number, entry in enumerate(found):
            if not isinstance(entry, dict):
                raise DataError(f"{path}: entry {number} of '{key}' is {str(entry)[:40]!r}, not an object.")
    return content


def pictures_of(document: dict, finder: PictureFinder, path: Path, job: Job) -> list[Picture]:
    """The pictures with their annotations; what has none goes to the job's tally, what is missing to its problems."""
    by_id: dict[Any, list[dict]] = defaultdict(list)
    for entry in document["annotations"]:
        by_id[id_key(entry.get("image_id"))].append(entry)
    pictures: dict[Path, Picture] = {}
    ids: dict[Any, str] = {}
    for entry in document["images"]:
        key, name = id_key(entry.get("id")), stated_name(entry)
        if key is None or (key in ids and ids[key] != name):
            raise DataError(
                f"{path}: image {name!r:.80} has the id {entry.get('id')!r:.40}"
                f"{'' if key is None else f', and so has {ids[key]!r:.80}'}: an image needs an id of its own."
            )
        own = [] if key in ids else by_id.pop(key, [])
        ids[key] = name
        try:
            image = finder.find(name)
        except DataError as e:
            job.problems.append(f"{path}, image {entry.get('id')!r:.40}: {e}")
            job.tally.leave(MISSING, count=sum(count_of(a) for a in own))
            continue
        picture = pictures.setdefault(image, Picture(image))
        picture.entries.append(entry)
        picture.annotations += own
    for image, message in finder.disputed().items():
        job.problems.append(f"{path}: {message}")
        job.tally.leave(DISPUTED, count=sum(count_of(a) for a in pictures.pop(image).annotations))
    for key, lost in by_id.items():
        for annotation in lost:
            where = f"annotation {annotation.get('id')!r:.40}, image {key!r:.40}"
            job.tally.leave("its image_id is not in 'images'", where, count=count_of(annotation))
    keys = ("image_id", "category_id")
    odd = sum(
        any(type(a.get(k)) is not int and whole(a.get(k)) is not None for k in keys) for a in document["annotations"]
    )
    if odd:
        job.notes.append(f'{odd} annotations write ids as text or with a point ("1", 1.0); they were matched by value')
    twice = [str(p.image.name) for p in pictures.values() if len(p.entries) > 1]
    if twice:
        job.notes.append(
            f"{len(twice)} pictures are listed several times; their annotations are merged: {shortened(twice)}"
        )
    return list(pictures.values())


def stated_name(entry: dict) -> Any:
    """What an image is called: ``file_name``, in LVIS the end of its address."""
    return entry.get("file_name") or entry.get("coco_url") or ""


def count_of(annotation: dict) -> int:
    """Annotations in an entry: one, or the segments of a panoptic one."""
    segments = annotation.get("segments_info")
    return len(segments) if isinstance(segments, list) else 1


def instance_label(categories: Categories, crowd: str, path: Path, picture: Picture, tally: Tally) -> np.ndarray:
    """Paint all objects of a picture, small ones on large ones."""
    height, width = picture_size(picture.image, picture.entries, path)
    canvas = Canvas(height, width)
    for annotation in picture.annotations:
        where = f"{path}, annotation {annotation.get('id')!r:.40}"
        value = categories.class_of(annotation.get("category_id"), where, tally)
        if value is None:
            continue
        if annotation.get("iscrowd") in (1, True, "1") and crowd == "ignore":
            value = IGNORE
        parts = mask_of(annotation, height, width, where)
        if parts is None:
            tally.leave("a box without polygons or mask (no segmentation)", where)
        elif canvas.paint(parts, value):
            tally.use()
        else:
            tally.leave("without a pixel in its picture", where)
    return canvas.label


def mask_of(annotation: dict, height: int, width: int, where: str) -> list[tuple[int, int, np.ndarray]] | None:
    """The parts of an object, or None where it is a box only.

    Raises:
        DataError: damaged polygons or run lengths.
    """
    shape = annotation.get("segmentation")
    if shape is None or shape == [] or shape == [[]] or shape == {}:
        return None
    if isinstance(shape, dict):
        return [(0, 0, run_length_mask(shape, height, width, where))]
    if not isinstance(shape, list):
        raise DataError(f"{where}: has neither polygons nor run lengths (segmentation): {str(shape)[:60]!r}.")
    if all(isinstance(v, (int, float)) for v in shape):  # one polygon, not in a list of its own
        shape = [shape]
    return [fill_polygon(corners(polygon, where), height, width) for polygon in shape]


def run_length_mask(shape: dict, height: int, width: int, where: str) -> np.ndarray:
    """A run-length mask of the image's size."""
    size = shape.get("size")
    if not isinstance(size, list) or [whole(v) for v in size] != [height, width]:
        raise DataError(f"{where}: a mask of size {str(size)[:40]} for an image of [{height}, {width}].")
    try:
        return decode_rle(shape.get("counts"), height, width)
    except (ValueError, TypeError, OverflowError) as e:
        raise DataError(f"{where}: its run lengths are damaged: {e}.") from None


def picture_size(image: Path, entries: list[dict], path: Path) -> tuple[int, int]:
    """(H, W) of a picture, checked against every entry of it."""
    sizes = [agreed_size(image, e.get("height"), e.get("width"), f"{path}, image {e.get('id')}") for e in entries]
    return sizes[0]
