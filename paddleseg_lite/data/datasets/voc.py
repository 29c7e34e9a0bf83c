"""PASCAL VOC 2012, with the augmented training set; 21 classes, background first.

Everingham et al., IJCV 2010; extra labels: Hariharan et al., ICCV 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from ...registry import DATASETS
from ..palette import voc_palette
from .base import expand, listed
from .files import FileDataset, need_folder, read_lines

VOC_CLASSES = listed(
    """
    background, aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike,
    person, pottedplant, sheep, sofa, train, tvmonitor
    """
)


@DATASETS.register(
    small={
        "dataset_root": {
            "JPEGImages/0.jpg": None,
            "SegmentationClass/0.png": [0, 20, 255],
            "ImageSets/Segmentation/train.txt": "0\n",
        }
    }
)
class PascalVOC(FileDataset):
    """VOC 2012 segmentation.

    Args:
        dataset_root: ``VOCdevkit`` or the ``VOC2012`` folder in it.
        mode: train (1,464 images), trainval (2,913), trainaug (10,582), val (1,449), test.
            ``trainaug`` needs ``SegmentationClassAug``, and ``trainaug.txt``,
            ``train_aug.txt`` (all images) or ``aug.txt`` (those beyond train.txt).
        **kwargs: as :class:`~.base.SegDataset`.
    """

    fixed_names, fixed_palette = VOC_CLASSES, voc_palette(21)

    def __init__(self, *, dataset_root: str, mode: str = "train", **kwargs: Any) -> None:
        if mode not in ("train", "trainval", "trainaug", "val", "test"):
            raise ConfigError(f"PascalVOC mode is train, trainval, trainaug, val or test, but got {mode!r}.")
        super().__init__(mode="train" if mode.startswith("train") else mode, **kwargs)
        root = expand(dataset_root)
        root = root / "VOC2012" if (root / "VOC2012").is_dir() else root
        need_folder(
            root,
            ("JPEGImages", "ImageSets/Segmentation"),
            "PascalVOC",
            "Set dataset_root to VOCdevkit (or VOC2012), as unpacked from VOCtrainval_11-May-2012.tar.",
        )
        sets = root / "ImageSets" / "Segmentation"
        lists = _augmented(root, sets) if mode == "trainaug" else [(sets / f"{mode}.txt", "SegmentationClass")]
        pairs = (pair for path, labels in lists for pair in _pairs(root, path, labels))
        self.set_items(pairs, " and ".join(str(path) for path, _ in lists))


def _augmented(root: Path, sets: Path) -> list[tuple[Path, str]]:
    need_folder(
        root,
        ("SegmentationClassAug",),
        "PascalVOC trainaug",
        "It holds the labels of Hariharan et al. (SBD) as PNG files of ids: tools/prepare.py voc_aug makes it.",
    )
    for name in ("trainaug.txt", "train_aug.txt"):
        if (sets / name).is_file():
            return [(sets / name, "SegmentationClassAug")]
    if (sets / "aug.txt").is_file():
        return [(sets / "train.txt", "SegmentationClass"), (sets / "aug.txt", "SegmentationClassAug")]
    raise DataError(
        f"PascalVOC trainaug: {sets} has neither trainaug.txt nor train_aug.txt nor aug.txt: "
        "tools/prepare.py voc_aug makes the list, or use mode train."
    )


def _pairs(root: Path, path: Path, labels: str) -> Iterator[tuple[Path, Path]]:
    for number, line in read_lines(path, "PascalVOC"):
        names = line.split()
        if len(names) == 1:
            yield root / "JPEGImages" / f"{names[0]}.jpg", root / labels / f"{names[0]}.png"
        elif len(names) == 2:  # "/JPEGImages/x.jpg /SegmentationClassAug/x.png", a common form of train_aug.txt
            yield root / names[0].lstrip("/"), root / names[1].lstrip("/")
        else:
            raise DataError(f"{path}, line {number}: expected an image name, but found {line[:80]!r}.")
