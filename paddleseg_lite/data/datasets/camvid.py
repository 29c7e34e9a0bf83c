"""CamVid, 11 classes at 480 x 360, in the split of the SegNet tutorial.

Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 2009. Labels hold ids 0..10,
and 11 for void, which is ignored.

The pictures are frames of drives, named ``SEQUENCE_FRAME.png``. All 101 of ``val.txt``
come from a drive that ``train.txt`` has 204 frames of (0016E5), so that the score there
rewards memory; those of ``test.txt`` come from streets not seen in training. Holding out
a drive of ``train.txt`` measures what carries over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import DataError
from ...registry import DATASETS
from .listfile import ListDataset

# name, colour (the usual ones of this 11-class version)
CAMVID_CLASSES = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign_symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)
VOID = 11


@DATASETS.register(
    small={
        "dataset_root": {
            "train/0.png": None,
            "trainannot/0.png": [0, 10, 11],
            "train.txt": "train/0.png trainannot/0.png\n",
        }
    }
)
class CamVid(ListDataset):
    """CamVid: ``train.txt`` (367 images), ``val.txt`` (101), ``test.txt`` (233) in ``dataset_root``.

    Args:
        dataset_root: folder with the lists; each line is ``image label``, relative to it.
        mode: train, val or test.
        held_out: a drive of ``train.txt`` ("0006R0" or "0001TP", say): training is on the
            other drives, and validation on this one instead of ``val.txt``.
        **kwargs: as :class:`~.listfile.ListDataset`.
    """

    fixed_names = tuple(name for name, _ in CAMVID_CLASSES)
    fixed_palette = tuple(colour for _, colour in CAMVID_CLASSES)

    def __init__(
        self,
        *,
        dataset_root: str,
        mode: str = "train",
        train_path: str = "train.txt",
        val_path: str = "val.txt",
        test_path: str = "test.txt",
        held_out: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dataset_root=dataset_root,
            mode=mode,
            train_path=train_path,
            val_path=val_path if held_out is None else train_path,
            test_path=test_path,
            **kwargs,
        )
        if held_out is not None and mode != "test":
            self._hold_out(held_out)

    def _hold_out(self, drive: str) -> None:
        drives = [Path(image).name.partition("_")[0] for image, _ in self.items]
        if drive not in drives:
            raise DataError(
                f"{self.source} has no pictures of drive '{drive}': it has {', '.join(sorted(set(drives)))}."
            )
        self.items = [pair for pair, own in zip(self.items, drives) if (own == drive) == (self.mode == "val")]

    def default_label_map(self) -> dict[int, int]:
        return {VOID: self.ignore_index}
