"""Published datasets as the datasets of this package want them: VOC's extra labels, Cityscapes, ADE20K.

``voc_aug``: Hariharan et al. (SBD), ICCV 2011: 11,355 ``.mat`` files, of which 10,582
(with VOC's own) are not in VOC's validation set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...data import read_label, voc_palette
from ...data.datasets.ade20k import ADE20K_CLASSES
from ...data.datasets.cityscapes import CITYSCAPES_CLASSES, CITYSCAPES_PALETTE, label_ids
from ...data.datasets.voc import VOC_CLASSES
from ...data.palette import stuff_palette
from ...errors import DataError
from .job import Item, Job
from .names import IGNORE

TRAINAUG = 10_582
CITYSCAPES = {"train": 2975, "val": 500}
ADE20K = {"training": 20_210, "validation": 2000}


def voc_aug_job(voc: Path, sbd: Path) -> Job:
    """``SegmentationClassAug`` and the lists ``trainaug.txt`` and ``aug.txt`` in a VOC2012 folder.

    Args:
        voc: ``VOCdevkit`` or ``VOC2012``.
        sbd: the folder with ``cls/*.mat`` (``benchmark_RELEASE/dataset``).
    """
    voc = voc / "VOC2012" if (voc / "VOC2012").is_dir() else voc
    sets = voc / "ImageSets" / "Segmentation"
    own, held_out = names_in(sets / "train.txt"), set(names_in(sets / "val.txt"))
    for folder in (sbd, sbd / "dataset", sbd / "benchmark_RELEASE" / "dataset"):
        if (folder / "cls").is_dir():
            mats = sorted((folder / "cls").glob("*.mat"))
            break
    else:
        raise DataError(f"{sbd} has no folder cls with .mat files: unpack benchmark.tgz and name its dataset folder.")
    extra = [p for p in mats if p.stem not in held_out and p.stem not in set(own)]
    items = [
        Item(
            lambda tally, p=voc / "SegmentationClass" / f"{name}.png": read_label(p).astype(np.uint8),
            Path("SegmentationClassAug") / f"{name}.png",
            voc / "JPEGImages" / f"{name}.jpg",
        )
        for name in own
    ]
    items += [
        Item(
            lambda tally, p=path: sbd_label(p),
            Path("SegmentationClassAug") / f"{path.stem}.png",
            voc / "JPEGImages" / f"{path.stem}.jpg",
        )
        for path in extra
    ]
    names = sorted([*own, *(p.stem for p in extra)])
    notes = [f"trainaug: {len(names)} images ({len(own)} of VOC's train.txt, {len(extra)} of SBD)"]
    if len(names) != TRAINAUG:
        notes.append(f"the usual list has {TRAINAUG:,}: is the download complete?")
    files = {
        "ImageSets/Segmentation/trainaug.txt": "".join(f"{n}\n" for n in names),
        "ImageSets/Segmentation/aug.txt": "".join(f"{p.stem}\n" for p in extra),
    }
    return Job(items, list(VOC_CLASSES), files=files, notes=notes, palette=voc_palette(256))


def sbd_label(path: Path) -> np.ndarray:
    """Ids of one SBD ``.mat`` file (``GTcls.Segmentation``)."""
    from scipy.io import loadmat

    try:
        content = loadmat(str(path), squeeze_me=True, struct_as_record=False)
        label = np.asarray(content["GTcls"].Segmentation)
    except Exception as e:  # scipy raises many kinds on damaged files
        raise DataError(f"{path} cannot be read as an SBD label ({type(e).__name__}: {str(e)[:80]}).") from None
    if label.ndim != 2 or label.dtype.kind not in "iu" or int(label.max()) >= len(VOC_CLASSES):
        raise DataError(f"{path}: GTcls.Segmentation is no map of ids 0..{len(VOC_CLASSES) - 1}.")
    return label.astype(np.uint8)


def names_in(path: Path) -> list[str]:
    """First words of the lines of a list."""
    try:
        return [line.split()[0] for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except OSError as e:
        raise DataError(f"{path}: {e.strerror or e}. Name the VOCdevkit or VOC2012 folder.") from None


def cityscapes_job(root: Path, *, train_ids: bool = False) -> Job:
    """Check Cityscapes' fine annotations; with ``train_ids`` write ``*_labelTrainIds.png`` beside them."""
    table = np.full(256, IGNORE, np.uint8)
    for stored, target in label_ids().items():
        table[stored] = target
    items, notes = [], []
    for mode, expected in CITYSCAPES.items():
        labels = sorted((root / "gtFine" / mode).glob("*/*_gtFine_labelIds.png"))
        if not labels:
            raise DataError(
                f"{root}/gtFine/{mode} has no *_gtFine_labelIds.png: unpack gtFine_trainvaltest.zip and "
                "leftImg8bit_trainvaltest.zip there."
            )
        notes.append(f"{mode}: {len(labels)} labels{'' if len(labels) == expected else f' (complete: {expected})'}")
        for path in labels:
            name = path.name.replace("_gtFine_labelIds.png", "")
            image = root / "leftImg8bit" / mode / path.parent.name / f"{name}_leftImg8bit.png"
            target = path.relative_to(root).with_name(f"{name}_gtFine_labelTrainIds.png") if train_ids else None
            items.append(Item(lambda tally, p=path: mapped(p, table, 33), target, image))
    if not train_ids:
        notes.append("nothing to convert: dataset Cityscapes reads labelIds; --train_ids writes the others too.")
    names = [name for name, _, _ in CITYSCAPES_CLASSES]
    return Job(items, names, notes=notes, palette=np.asarray(CITYSCAPES_PALETTE, np.uint8))


def ade20k_job(root: Path) -> Job:
    """Check ADE20K (SceneParse150); nothing needs converting."""
    table = np.full(256, IGNORE, np.uint8)
    table[1:151] = np.arange(150)
    items, notes = [], []
    for part, expected in ADE20K.items():
        images = sorted((root / "images" / part).glob("*.jpg"))
        if not images:
            raise DataError(f"{root}/images/{part} has no .jpg: name the ADEChallengeData2016 folder.")
        notes.append(f"{part}: {len(images)} images{'' if len(images) == expected else f' (complete: {expected})'}")
        for image in images:
            label = root / "annotations" / part / f"{image.stem}.png"
            items.append(Item(lambda tally, p=label: mapped(p, table, 150), None, image))
    notes.append("nothing to convert: dataset ADE20K reads these files as they are.")
    return Job(items, list(ADE20K_CLASSES), notes=notes, palette=stuff_palette(150))


def mapped(path: Path, table: np.ndarray, last: int) -> np.ndarray:
    """A label through a table of ids; ids beyond ``last`` (255 apart) are an error."""
    label = read_label(path)
    if label.dtype != np.uint8 or bool(((label > last) & (label != IGNORE)).any()):
        raise DataError(f"label {path} holds ids beyond {last}: it is not one of this dataset's own.")
    return table[label]
