"""COCO's JSON: instances (polygons, run lengths) or panoptic segments -> ids of categories.

Instances: class 0 is the background, categories follow in the order of their ids.
Panoptic: categories in the order of their ids from class 0 on; pixels of no segment
are ignored. Source: COCO's data format page.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...data import read_image
from ...errors import DataError
from .job import IGNORE, Item, Job
from .labelme import read_json
from .rle import decode_rle


def coco_job(
    annotations: Path,
    images: Path,
    *,
    panoptic: Path | None = None,
    class_names: list[str] | None = None,
    crowd: str = "keep",
) -> Job:
    """Labels of every image that a COCO file lists.

    Args:
        annotations: the JSON file.
        images: folder of the images.
        panoptic: folder of the panoptic PNGs; the JSON file is then a panoptic one.
        class_names: categories to keep, in the order of their new ids; others are
            background (instances) or ignored (panoptic).
        crowd: ``keep`` or ``ignore`` regions that hold many objects (``iscrowd``).
    """
    document = read_json(annotations)
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise DataError(f"{annotations}: there is no list '{key}'. Is it a COCO instances or panoptic file?")
    segments = any("segments_info" in a for a in document["annotations"][:10])
    if segments and panoptic is None:
        raise DataError(f"{annotations} is a panoptic file: name the folder of its PNGs with --panoptic_dir.")
    if panoptic is not None and not segments:
        raise DataError(f"{annotations} has no segments_info: it is no panoptic file. Leave --panoptic_dir out.")
    first = 0 if segments else 1
    ids, names = category_ids(document["categories"], class_names, first, annotations)
    by_image: dict[Any, list] = defaultdict(list)
    for annotation in document["annotations"]:
        by_image[annotation.get("image_id")].append(annotation)
    items = []
    for entry in document["images"]:
        name = Path(str(entry.get("file_name", "")))
        found = by_image.get(entry.get("id"), [])
        if segments:
            label = lambda e=entry, f=found: panoptic_label(e, f, panoptic, ids, annotations)  # noqa: E731
        else:
            label = lambda e=entry, f=found: instance_label(e, f, ids, crowd, annotations)  # noqa: E731
        items.append(
            Item(
                label=label,
                target=Path("annotations") / name.with_suffix(".png"),
                image=images / name,
                copy=Path("images") / name,
            )
        )
    return Job(items, names, files={"labels.txt": "\n".join(names) + "\n"})


def category_ids(
    categories: list, wanted: list[str] | None, first: int, path: Path
) -> tuple[dict[Any, int], list[str]]:
    """COCO's category id -> our class id, and the names of our classes."""
    known = {str(c.get("name")): c.get("id") for c in sorted(categories, key=lambda c: c.get("id", 0))}
    wanted = list(known) if wanted is None else wanted
    missing = [name for name in wanted if name not in known]
    if missing:
        raise DataError(f"{path}: there is no category '{missing[0]}'. There are: {', '.join(known)}.")
    names = (["background"] if first else []) + wanted
    if len(names) > IGNORE:
        raise DataError(f"{path}: {len(names)} classes do not fit into 8-bit labels; choose some with --classes.")
    return {known[name]: first + i for i, name in enumerate(wanted)}, names


def instance_label(entry: dict, found: list[dict], ids: dict[Any, int], crowd: str, path: Path) -> np.ndarray:
    """Paint large objects first, so that small ones stay visible on them."""
    height, width = size_of(entry, path)
    label = np.zeros((height, width), np.uint8)
    for annotation in sorted(found, key=lambda a: -float(a.get("area") or 0)):
        if annotation.get("category_id") not in ids:
            continue
        value = ids[annotation["category_id"]]
        if annotation.get("iscrowd") and crowd == "ignore":
            value = IGNORE
        where = f"{path}, annotation {annotation.get('id')}"
        shape = annotation.get("segmentation")
        if isinstance(shape, list):
            for polygon in shape:
                label_polygon(label, polygon, value, where)
        elif isinstance(shape, dict):
            label[run_length_mask(shape, height, width, where)] = value
        else:
            raise DataError(f"{where}: has neither polygons nor run lengths (segmentation).")
    return label


def label_polygon(label: np.ndarray, polygon: Any, value: int, where: str) -> None:
    """One polygon ``[x, y, x, y, ...]``."""
    try:
        points = np.asarray(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        points = np.zeros((0, 2))
    if len(points) < 3 or not np.isfinite(points).all():
        raise DataError(f"{where}: a polygon needs three points, x and y each, but has {polygon!r:.80}.")
    cv2.fillPoly(label, [points.round().astype(np.int32)], value)


def run_length_mask(shape: dict, height: int, width: int, where: str) -> np.ndarray:
    """A run-length mask of the image's size."""
    if list(shape.get("size") or []) != [height, width]:
        raise DataError(f"{where}: a mask of size {shape.get('size')} for an image of [{height}, {width}].")
    try:
        return decode_rle(shape.get("counts"), height, width)
    except (ValueError, TypeError, OverflowError) as e:
        raise DataError(f"{where}: its run lengths are damaged: {e}.") from None


def panoptic_label(entry: dict, found: list[dict], folder: Path, ids: dict[Any, int], path: Path) -> np.ndarray:
    """Class ids from a panoptic PNG, whose colours are segment ids: R + 256 G + 65536 B."""
    if len(found) != 1:
        raise DataError(f"{path}: image {entry.get('id')} has {len(found)} panoptic annotations; it should have one.")
    file = folder / str(found[0].get("file_name"))
    colours = read_image(file).astype(np.int64)
    if colours.shape[:2] != size_of(entry, path):
        raise DataError(f"{file} is {colours.shape[1]} x {colours.shape[0]}, its image is not.")
    segment = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
    label = np.full(segment.shape, IGNORE, np.uint8)
    category = {s.get("id"): s.get("category_id") for s in found[0].get("segments_info", [])}
    for value in np.unique(segment).tolist():
        if value == 0:
            continue
        if value not in category:
            raise DataError(f"{file}: segment {value} is not listed in {path.name}.")
        label[segment == value] = ids.get(category[value], IGNORE)
    return label


def size_of(entry: dict, path: Path) -> tuple[int, int]:
    """(H, W) as the file says."""
    height, width = entry.get("height"), entry.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or height < 1 or width < 1:
        raise DataError(f"{path}: image {entry.get('id')} has no height and width.")
    return height, width
