"""COCO's panoptic PNGs: every pixel names its segment, the JSON names the segment's category."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...data import read_image
from ...errors import DataError
from .coco_categories import Categories
from .names import IGNORE
from .pictures import PictureFinder, agreed_size
from .tally import Tally
from .values import whole


def panoptic_label(categories: Categories, folder: PictureFinder, path: Path, picture: Any, tally: Tally) -> np.ndarray:
    """Class ids [H, W] from a panoptic PNG, whose colours are segment ids: R + 256 G + 65536 B.

    Args:
        folder: of the PNGs.
        path: the JSON file, for messages.
        picture: its image, entries and annotations (:class:`.coco.Picture`).

    Raises:
        DataError: not one annotation, the PNG is missing or of another size, or holds a segment that is not listed.
    """
    first, found, image = picture.entries[0], picture.annotations, picture.image
    if len(found) != 1:
        raise DataError(f"{path}: image {first.get('id')} has {len(found)} panoptic annotations; it should have one.")
    file = folder.find(found[0].get("file_name"))
    colours = read_image(file).astype(np.int64)
    size = agreed_size(image, first.get("height"), first.get("width"), f"{path}, image {first.get('id')}")
    if colours.shape[:2] != size:
        raise DataError(f"{file} is {colours.shape[1]} x {colours.shape[0]}, its image is {size[1]} x {size[0]}.")
    segment = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
    listed = categories_of(found[0].get("segments_info"), f"{path}, image {first.get('id')}")
    values, inverse = np.unique(segment, return_inverse=True)
    table = np.full(len(values), IGNORE, np.uint8)
    for place, value in enumerate(values.tolist()):
        if value == 0:
            continue
        if value not in listed:
            raise DataError(f"{file}: segment {value} is not listed in {path.name}.")
        where = f"{file}, segment {value}"
        target = categories.class_of(listed.pop(value), where, tally)
        if target is not None:
            table[place] = target
            tally.use()
    tally.leave("without a pixel in its PNG", str(file), count=len(listed))
    return table[inverse.reshape(segment.shape)]


def categories_of(segments: Any, where: str) -> dict[int, Any]:
    """Segment id -> category id.

    Raises:
        DataError: it is no list of segments with numbers as ids, or an id is there twice.
    """
    listed: dict[int, Any] = {}
    for entry in segments if isinstance(segments, list) else [None]:
        number = whole(entry.get("id")) if isinstance(entry, dict) else None
        if number is None or number in listed:
            raise DataError(f"{where}: segments_info holds {str(entry)[:60]!r}: an id that is a number, and only once.")
        listed[number] = entry.get("category_id")
    return listed
