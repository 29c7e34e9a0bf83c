"""Cityscapes, 19 classes ("trainIds"), from the label files as they are shipped.

Cordts et al., CVPR 2016. ``*_gtFine_labelIds.png`` holds ids 0..33; 19 of them are
classes, the rest is ignored. Colours are the dataset's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import DataError
from ...registry import DATASETS
from .base import expand
from .files import FileDataset, need_folder

# name, id in the label files, colour; the place in this table is the class id
CITYSCAPES_CLASSES = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
CITYSCAPES_PALETTE = tuple(colour for _, _, colour in CITYSCAPES_CLASSES)
_LAST_LABEL_ID = 33


@DATASETS.register(
    small={
        "dataset_root": {
            "leftImg8bit/train/ulm/ulm_0_leftImg8bit.png": None,
            "gtFine/train/ulm/ulm_0_gtFine_labelIds.png": [0, 7, 33],
        }
    }
)
class Cityscapes(FileDataset):
    """Cityscapes, fine annotations.

    Args:
        dataset_root: the folder with ``leftImg8bit`` and ``gtFine``.
        mode: train (2,975 images), val (500), test (1,525, without labels).
        **kwargs: as :class:`~.base.SegDataset`.
    """

    fixed_names, fixed_palette = tuple(name for name, _, _ in CITYSCAPES_CLASSES), CITYSCAPES_PALETTE

    def __init__(self, *, dataset_root: str, mode: str = "train", **kwargs: Any) -> None:
        root = expand(dataset_root)
        need_folder(
            root,
            (f"leftImg8bit/{mode}",) if mode == "test" else (f"leftImg8bit/{mode}", f"gtFine/{mode}"),
            "Cityscapes",
            "Set dataset_root to the folder with leftImg8bit and gtFine, unpacked from "
            "leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip.",
        )
        images = sorted((root / "leftImg8bit" / mode).glob("*/*_leftImg8bit.png"))
        self.kind = "labelIds" if mode == "test" else _label_kind(root / "gtFine" / mode)
        super().__init__(mode=mode, **kwargs)
        self.set_items(
            ((image, _label_of(root, mode, image, self.kind)) for image in images), str(root / "leftImg8bit" / mode)
        )

    def default_label_map(self) -> dict[int, int]:
        return label_ids(self.ignore_index) if self.kind == "labelIds" else {255: self.ignore_index}


def label_ids(ignore_index: int = 255) -> dict[int, int]:
    """Id in ``labelIds`` files -> class id; 255 stands for -1 (licence plate)."""
    table = dict.fromkeys((*range(_LAST_LABEL_ID + 1), 255), ignore_index)
    table.update({stored: i for i, (_, stored, _) in enumerate(CITYSCAPES_CLASSES)})
    return table


def _label_kind(folder: Path) -> str:
    for kind in ("labelIds", "labelTrainIds"):
        if next(folder.glob(f"*/*_gtFine_{kind}.png"), None) is not None:
            return kind
    raise DataError(
        f"Cityscapes: {folder} has no *_gtFine_labelIds.png: unpack gtFine_trainvaltest.zip into dataset_root."
    )


def _label_of(root: Path, mode: str, image: Path, kind: str) -> Path:
    name = image.name.replace("_leftImg8bit.png", f"_gtFine_{kind}.png")
    return root / "gtFine" / mode / image.parent.name / name
