"""Published datasets as they are unpacked: Cityscapes, PASCAL VOC, ADE20K, CamVid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ....data import read_label
from ....data.datasets.camvid import CAMVID_CLASSES, VOID
from ....errors import DataError
from ..documents import Reader
from ..pictures import walk
from .base import Layout
from .pairs import NAME_FILES, pairs_job

VOC_NAME = re.compile(r"\d{4}_\d{6}")


def cityscapes(folder: Path, reader: Reader) -> Layout | None:
    """``leftImg8bit`` and ``gtFine``."""
    if not all((folder / name / "train").is_dir() for name in ("leftImg8bit", "gtFine")):
        return None
    spec = {"type": "Cityscapes", "dataset_root": folder.as_posix()}
    parts = [p for p in ("train", "val") if (folder / "gtFine" / p).is_dir() and (folder / "leftImg8bit" / p).is_dir()]
    return Layout("Cityscapes", "leftImg8bit and gtFine", specs={part: {**spec, "mode": part} for part in parts})


def ade20k(folder: Path, reader: Reader) -> Layout | None:
    """``images/training/ADE_train_*.jpg`` and ``annotations/training``."""
    found = next((folder / "images" / "training").glob("ADE_train_*.jpg"), None)
    if found is None or not (folder / "annotations" / "training").is_dir():
        return None
    spec = {"type": "ADE20K", "dataset_root": folder.as_posix()}
    return Layout("ADE20K", found.name, specs={part: {**spec, "mode": part} for part in ("train", "val")})


def voc(folder: Path, reader: Reader) -> Layout | None:
    """``JPEGImages``, ``SegmentationClass`` and ``ImageSets``: PASCAL VOC itself, or own data laid out like it."""
    inside = (folder, folder / "VOC2012", folder / "VOCdevkit" / "VOC2012")
    root = next((p for p in inside if (p / "JPEGImages").is_dir()), None)
    labels = [
        n for n in ("SegmentationClassAug", "SegmentationClassPNG", "SegmentationClass") if root and (root / n).is_dir()
    ]
    if root is None or not labels or (root / "labelmap.txt").is_file():
        return None
    sets = {part: read_set(root, part, reader) for part in ("train", "val", "test")}
    listed = [name for part in ("train", "val") for name in sets[part]]
    named = any((root / name).is_file() for name in NAME_FILES)
    if sets["train"] and sets["val"] and not named and all(map(VOC_NAME.fullmatch, listed)):
        mode = {"train": "train", "val": "val"}
        if (root / "SegmentationClassAug").is_dir() and (
            root / "ImageSets" / "Segmentation" / "trainaug.txt"
        ).is_file():
            mode["train"] = "trainaug"
        spec = {"type": "PascalVOC", "dataset_root": root.as_posix()}
        return Layout("PASCAL VOC", "names like 2007_000032", specs={p: {**spec, "mode": m} for p, m in mode.items()})
    parts = {name: part for part, names in sets.items() for name in names}
    pictures, masks = root / "JPEGImages", root / labels[-1]
    masks = next((root / n for n in labels if next(iter(walk(root / n, (".png",))), None)), masks)
    job = pairs_job(folder, [(pictures, masks)], reader, parts=parts, names_in=root)
    return Layout("own data laid out like PASCAL VOC", f"JPEGImages and {masks.name}", job)


def read_set(root: Path, part: str, reader: Reader) -> list[str]:
    """Names in ``ImageSets/Segmentation/PART.txt``; none where it is not there."""
    path = root / "ImageSets" / "Segmentation" / f"{part}.txt"
    return [line.split()[0] for line in reader.text(path).splitlines() if line.strip()] if path.is_file() else []


def camvid(folder: Path, reader: Reader) -> Layout | None:
    """``train`` and ``trainannot``: CamVid of the SegNet tutorial, or own data laid out like it."""
    parts = {p: q for p, q in (("train", "train"), ("val", "val"), ("test", "test")) if (folder / f"{p}annot").is_dir()}
    if "train" not in parts or not (folder / "train").is_dir():
        return None
    folders = [(folder / part, folder / f"{part}annot") for part in parts if (folder / part).is_dir()]
    job = pairs_job(folder, folders, reader)
    own = any((folder / name).is_file() for name in NAME_FILES) and len(job.class_names) not in (0, len(CAMVID_CLASSES))
    if own or highest(folder / "trainannot") not in (VOID - 1, VOID):
        return Layout("own data laid out like CamVid", "train and trainannot", job)
    job.class_names = [name for name, _ in CAMVID_CLASSES]
    return Layout("CamVid", "train and trainannot, ids up to 11", job, {"type": "CamVid"})


def highest(folder: Path, count: int = 20) -> int:
    """The highest id in some labels of a folder, 255 apart."""
    found = [0]
    for path in walk(folder, (".png",))[:count]:
        try:
            label = read_label(path)
        except DataError:
            continue
        found.append(int(np.max(label, initial=0, where=label != 255)))
    return max(found)
