"""What annotation tools save or export, recognised by its files: COCO, labelme, YOLO, CVAT, Label Studio, Roboflow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ....errors import DataError
from ..coco import Source, coco_job, coco_parts_job
from ..cvat import cvat_job
from ..documents import Reader
from ..foreign import keys
from ..labelme import labelme_job
from ..labelstudio import labelstudio_job
from ..pictures import IMAGES, is_file, walk
from ..roboflow import CLASSES, COCO, PARTS, roboflow_job
from ..values import shortened
from ..yolo import is_number, yolo_job
from .base import Layout

TRIED = 12  # JSON files that are opened to see whose they are
IN_NAME = (("train", "train"), ("valid", "val"), ("val", "val"), ("test", "test"))


def roboflow(folder: Path, reader: Reader) -> Layout | None:
    """``train/_annotations.coco.json`` or ``train/_classes.csv``."""
    found = [name for part in PARTS for name in (COCO, CLASSES) if is_file(folder / part / name)]
    return Layout("an export of Roboflow", found[0], roboflow_job(folder, reader=reader)) if found else None


def cvat(folder: Path, reader: Reader) -> Layout | None:
    """``labelmap.txt`` with ``SegmentationClass``, or XML files of CVAT."""
    if (folder / "labelmap.txt").is_file() and (folder / "SegmentationClass").is_dir():
        return Layout("an export of CVAT", "labelmap.txt and SegmentationClass", cvat_job(folder, reader=reader))
    for path in walk(folder, (".xml",))[:TRIED]:
        with open(path, "rb") as f:
            begin = f.read(4096)
        if b"<annotations>" in begin and b"<meta>" in begin:
            return Layout("an export of CVAT", path.name, cvat_job(folder, reader=reader))
    return None


def json_files(folder: Path, reader: Reader) -> Layout | None:
    """COCO, Label Studio or labelme, by what the first JSON files hold."""
    files = walk(folder, (".json",))
    known: dict[str, list[Path]] = {"coco": [], "panoptic": [], "labelstudio": [], "labelme": []}
    for path in sorted(files, key=lambda p: len(p.parts))[:TRIED]:
        try:
            kind = kind_of(reader.json(path))
        except DataError:
            continue
        if kind:
            known[kind].append(path)
    if known["coco"]:
        return coco(folder, known["coco"], reader)
    if known["panoptic"]:
        path = known["panoptic"][0]
        pngs = path.with_suffix("")
        if not pngs.is_dir():
            raise DataError(
                f"{path} is a panoptic file, but its PNGs are not in {pngs}: use 'prepare coco --panoptic_dir'."
            )
        return Layout("COCO panoptic", path.name, coco_job(path, folder, panoptic=pngs, reader=reader))
    if known["labelstudio"]:
        path = known["labelstudio"][0]
        return Layout("an export of Label Studio", path.name, labelstudio_job(path, folder, reader=reader))
    if known["labelme"]:
        return Layout("labelme", f"{len(files)} JSON files with 'shapes'", labelme_job(folder, reader=reader))
    return None


def kind_of(content: Any) -> str | None:
    """Whose a JSON file is."""
    if keys("images", "annotations", "categories")(content):
        found = content["annotations"]
        return "panoptic" if isinstance(found, list) and any("segments_info" in a for a in found[:1]) else "coco"
    if keys("shapes", "imagePath")(content):
        return "labelme"
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    return "labelstudio" if "data" in first and ("annotations" in first or "completions" in first) else None


def coco(folder: Path, files: list[Path], reader: Reader) -> Layout:
    """Instances files, each with the folder of its pictures; ``train`` and ``val`` by their names."""
    best = [path for path in files if path.name.startswith("instances")] or files
    sources = []
    for path in best:
        part = next(
            (p for word, p in IN_NAME if re.search(word, f"{path.parent.name}/{path.stem}", re.IGNORECASE)), None
        )
        sources.append(Source(path, pictures_of(folder, path), part))
    parts = [source.part for source in sources]
    if len(set(parts)) < len(parts):
        raise DataError(
            f"{folder} holds {len(sources)} COCO files, {shortened(s.annotations.name for s in sources)}: which is for "
            "training? Put 'train' and 'val' in their names, or use 'prepare coco --json'."
        )
    names = shortened(source.annotations.name for source in sources)
    return Layout("COCO", names, coco_parts_job(sources, reader=reader, unused_roots=False))


def pictures_of(folder: Path, path: Path) -> Path:
    """The folder with the pictures of a COCO file: ``train2017`` for ``instances_train2017.json``."""
    word = re.sub(r"^(instances|annotations?|coco)[_-]?", "", path.stem, flags=re.IGNORECASE)
    named = [folder / word, folder / "images" / word, path.parent / word] if word else []
    for place in [*named, path.parent / "images", folder / "images", path.parent]:
        if place.is_dir() and walk(place, IMAGES):
            return place
    return folder


def yolo(folder: Path, reader: Reader) -> Layout | None:
    """``data.yaml`` with names, or text files of numbers beside pictures or in ``labels``."""
    described = [p for p in walk(folder, (".yaml", ".yml")) if re.search(rb"^names\s*:", p.read_bytes(), re.MULTILINE)]
    labels = [
        p for p in walk(folder, (".txt",)) if p.parent.name.lower() == "labels" or "labels" in p.parts or beside(p)
    ]
    if not described and not any(has_row(path, reader) for path in labels[:TRIED]):
        return None
    return Layout("YOLO", described[0].name if described else "text files of numbers", yolo_job(folder, reader=reader))


def beside(path: Path) -> bool:
    """Whether a picture of the same name is beside a file."""
    return any(is_file(path.with_suffix(suffix)) for suffix in IMAGES)


def has_row(path: Path, reader: Reader) -> bool:
    """Whether a text file has a line of YOLO's."""
    try:
        lines = reader.text(path).splitlines()
    except DataError:
        return False
    return any(len(line.split()) > 4 and all(map(is_number, line.split())) for line in lines[:50])
