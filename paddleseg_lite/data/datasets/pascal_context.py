"""PASCAL-Context with its 59 most frequent classes.

Mottaghi et al., CVPR 2014. Labels are PNG files of ids 0..58 (255 elsewhere), the
59 classes in the order of their numbers among the dataset's 459, which is
alphabetical.
"""

from __future__ import annotations

from typing import Any

from ...errors import ConfigError
from ...registry import DATASETS
from ..palette import stuff_palette, voc_palette
from .base import expand, listed
from .files import FileDataset, need_folder, read_lines

PASCAL_CONTEXT_CLASSES = listed(
    """
    aeroplane, bag, bed, bedclothes, bench, bicycle, bird, boat, book, bottle, building, bus, cabinet, car, cat,
    ceiling, chair, cloth, computer, cow, cup, curtain, dog, door, fence, floor, flower, food, grass, ground, horse,
    keyboard, light, motorbike, mountain, mouse, person, plate, platform, pottedplant, road, rock, sheep, shelves,
    sidewalk, sign, sky, snow, sofa, table, track, train, tree, truck, tvmonitor, wall, water, window, wood
    """
)


@DATASETS.register(
    small={
        "dataset_root": {
            "JPEGImages/0.jpg": None,
            "Context/0.png": [0, 58, 255],
            "ImageSets/Segmentation/train_context.txt": "0\n",
        }
    }
)
class PascalContext(FileDataset):
    """PASCAL-Context, 59 classes.

    Args:
        dataset_root: the ``VOC2010`` folder: ``JPEGImages``, ``Context`` (labels), and
            ``ImageSets/Segmentation/{train,val,trainval}_context.txt``.
        mode: train (4,998 images), val (5,105), trainval, test.
        **kwargs: as :class:`~.base.SegDataset`.
    """

    fixed_names: tuple[str, ...] | None = PASCAL_CONTEXT_CLASSES
    fixed_palette = stuff_palette(59)

    def __init__(self, *, dataset_root: str, mode: str = "train", **kwargs: Any) -> None:
        if mode not in ("train", "trainval", "val", "test"):
            raise ConfigError(f"PascalContext mode is train, trainval, val or test, but got {mode!r}.")
        super().__init__(mode="train" if mode.startswith("train") else mode, **kwargs)
        root = expand(dataset_root)
        root = root / "VOC2010" if (root / "VOC2010").is_dir() else root
        need_folder(
            root,
            ("JPEGImages", "Context", "ImageSets/Segmentation"),
            "PascalContext",
            "Set dataset_root to VOC2010 with the labels of PASCAL-Context as PNG ids in Context.",
        )
        path = root / "ImageSets" / "Segmentation" / f"{mode}_context.txt"
        names = [line for _, line in read_lines(path, "PascalContext")]
        self.set_items(((root / "JPEGImages" / f"{n}.jpg", root / "Context" / f"{n}.png") for n in names), str(path))


@DATASETS.register(
    small={
        "dataset_root": {
            "JPEGImages/0.jpg": None,
            "Context/0.png": [0, 59],
            "ImageSets/Segmentation/train_context.txt": "0\n",
        }
    }
)
class PascalContext60(PascalContext):
    """PASCAL-Context as PaddleSeg has it: labels 0..59, the background (everything else) as class 0."""

    fixed_names, fixed_palette = ("background", *PASCAL_CONTEXT_CLASSES), voc_palette(60)
