"""How a folder of data is laid out, recognised by its files; a new layout is a function here.

Each function looks at a folder and returns a :class:`~.base.Layout`, or None where it is another's. The first one
that recognises its own decides.
"""

from __future__ import annotations

from pathlib import Path

from ....errors import DataError
from ..documents import Reader
from ..foreign import looks_like
from ..pictures import IMAGES, walk
from . import exports, lists, pairs, published
from .base import Layout

__all__ = ["Layout", "recognise"]

RECOGNISERS = (
    published.cityscapes,
    published.ade20k,
    published.camvid,
    published.voc,
    lists.lists,
    exports.roboflow,
    exports.cvat,
    exports.json_files,
    exports.yolo,
    pairs.pairs,
)
KNOWN = (
    "pictures with label PNGs (images and annotations, or masks, labels, ...), lists (train.txt, val.txt), labelme, "
    "COCO, YOLO, CVAT, Label Studio, Roboflow, PASCAL VOC, CamVid, Cityscapes, ADE20K"
)

LONELY = " Pictures alone are not enough: outline what is to be found in some of them, with labelme for instance."
NAMES = (
    " A label has the name of its picture: images/a.jpg and annotations/a.png, or a.jpg and a_mask.png in one folder."
)


def recognise(folder: Path, reader: Reader | None = None) -> Layout:
    """The layout of a folder.

    Raises:
        DataError: none is recognised: what is there, and what would be.
    """
    if folder.is_file():
        raise DataError(
            f"{folder} is a file, not a folder: name the folder that it is in (an archive is unpacked first)."
        )
    if not folder.is_dir():
        raise DataError(f"folder {folder} does not exist.")
    reader = reader or Reader()
    for recogniser in RECOGNISERS:
        layout = recogniser(folder, reader)
        if layout is not None:
            return layout
    pictures, files = walk(folder, IMAGES), walk(folder, (".json",))
    hint = ""
    if not files and pictures and not walk(folder, (".txt", ".xml", ".yaml", ".csv")):
        hint = LONELY if pairs.look_like_photos(pictures) else NAMES
    elif files:
        try:
            hint = looks_like(reader.json(files[0]))
        except DataError as e:
            hint = f" {e}"
    raise DataError(
        f"{folder} has {len(pictures)} pictures and {len(files)} JSON files, but in no layout that is recognised."
        f"{hint} Recognised are: {KNOWN}. Make one of them (tools/prepare.py), or write a recipe."
    )
