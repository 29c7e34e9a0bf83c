"""ADE20K scene parsing, 150 classes (SceneParse150).

Zhou et al., CVPR 2017. Label files hold 1..150, and 0 for everything else: class
ids are one less, and 0 is ignored.
"""

from __future__ import annotations

from typing import Any

from ...registry import DATASETS
from ..palette import stuff_palette
from .base import expand, listed
from .files import FileDataset, need_folder

ADE20K_CLASSES = listed(
    """
    wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door,
    table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field,
    armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard, chest
    of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, case, pool
    table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, book, hill,
    bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, hovel, bus,
    towel, light, truck, tower, chandelier, awning, streetlight, booth, television receiver, airplane, dirt track,
    apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship, fountain, conveyer
    belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent, bag, minibike, cradle,
    oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, screen, blanket,
    sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, monitor, bulletin board,
    shower, radiator, glass, clock, flag
    """
)


@DATASETS.register(small={"dataset_root": {"images/training/0.jpg": None, "annotations/training/0.png": [0, 1, 150]}})
class ADE20K(FileDataset):
    """ADE20K, 150 classes.

    Args:
        dataset_root: the ``ADEChallengeData2016`` folder.
        mode: train (20,210 images), val (2,000), test (the images of val, without labels).
        **kwargs: as :class:`~.base.SegDataset`.
    """

    fixed_names, fixed_palette = ADE20K_CLASSES, stuff_palette(150)

    def __init__(self, *, dataset_root: str, mode: str = "train", **kwargs: Any) -> None:
        super().__init__(mode=mode, **kwargs)
        root, part = expand(dataset_root), "training" if mode == "train" else "validation"
        parts = (f"images/{part}",) if mode == "test" else (f"images/{part}", f"annotations/{part}")
        need_folder(
            root,
            parts,
            "ADE20K",
            "Set dataset_root to ADEChallengeData2016, as unpacked from ADEChallengeData2016.zip.",
        )
        images = sorted((root / "images" / part).glob("*.jpg"))
        labels = root / "annotations" / part
        self.set_items(((image, labels / f"{image.stem}.png") for image in images), str(root / "images" / part))

    def default_label_map(self) -> dict[int, int]:
        return {0: self.ignore_index, **{i: i - 1 for i in range(1, 151)}}
