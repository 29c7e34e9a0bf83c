"""Scenes: street views made up by the program, with perfect labels and no files.

Sky, ground and road, buildings with windows, trees, cars, people, poles, wires
and signs, in perspective, hiding one another, under changing light and sensor
noise. Poles and wires are three pixels wide at 96 x 96. A sample depends on
(seed, mode, index) alone, so that training and validation never meet.

For trying the program, for tests, and for comparisons that need no download.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...registry import DATASETS
from ..transforms.base import Sample
from .base import MOST_SAMPLES, SegDataset
from .scene_street import SCENES_CLASSES, Street

_MODES = {"train": 0, "val": 1, "test": 2}


@DATASETS.register(small={"num_samples": 3, "size": [32, 48]})
class Scenes(SegDataset):
    """Procedural street scenes.

    Args:
        num_samples: how many.
        size: (height, width), each at least 32.
        num_classes: 6 to 10, the first of sky, road, building, tree, car, pole, grass, person, wire, sign.
        seed: of the whole set.
        noise: standard deviation of the sensor's noise, as a share of the grey range.
        difficulty: 0 to 1: how much light, colours and crowding vary.
        mode: train, val and test are different scenes of one seed.
        **kwargs: as :class:`~.base.SegDataset`.
    """

    def __init__(
        self,
        *,
        num_samples: int = 400,
        size: Sequence[int] = (96, 96),
        num_classes: int = 8,
        seed: int = 0,
        noise: float = 0.03,
        difficulty: float = 0.5,
        mode: str = "train",
        **kwargs: Any,
    ) -> None:
        if not isinstance(num_classes, int) or not 6 <= num_classes <= 10:
            raise ConfigError(f"Scenes num_classes is 6 to 10, but got {num_classes!r}.")
        good = isinstance(size, (list, tuple)) and len(size) == 2 and all(isinstance(s, int) and s >= 32 for s in size)
        if not good:
            raise ConfigError(f"Scenes size is (height, width), each at least 32, but got {size!r}.")
        if not isinstance(num_samples, int) or not 1 <= num_samples <= MOST_SAMPLES:
            raise ConfigError(f"Scenes num_samples is an integer from 1 to {MOST_SAMPLES}, but got {num_samples!r}.")
        if not 0 <= noise <= 0.5 or not 0 <= difficulty <= 1 or not isinstance(seed, int) or seed < 0:
            raise ConfigError("Scenes needs noise in 0..0.5, difficulty in 0..1 and an integer seed of 0 or more.")
        if kwargs.get("img_channels", 3) != 3:
            raise ConfigError("Scenes has RGB images: leave img_channels at 3.")
        names, colours = zip(*SCENES_CLASSES[:num_classes])
        kwargs.setdefault("class_names", names)
        kwargs.setdefault("palette", colours)
        super().__init__(num_classes=num_classes, mode=mode, **kwargs)
        self.num_samples, self.size, self.seed = num_samples, (size[0], size[1]), seed
        self.noise, self.difficulty = noise, difficulty

    def __len__(self) -> int:
        return self.num_samples

    def describe(self, index: int) -> dict[str, Any]:
        return {"path": f"scenes/{self.mode}-{self.seed}-{index:06d}.png", "label_path": None}

    def read(self, index: int) -> Sample:
        image, label = render_scene(
            self.seed,
            self.mode,
            index,
            size=self.size,
            num_classes=self.num_classes,
            noise=self.noise,
            difficulty=self.difficulty,
        )
        sample = {"image": image, "meta": self.describe(index)}
        if self.mode != "test":
            sample["label"] = label
        return sample

    def raw_label(self, index: int) -> tuple[np.ndarray, str]:
        sample = self.read(self._index(index))
        return sample["label"], sample["meta"]["path"]

    def fingerprint(self) -> str:
        return super().fingerprint() + repr((self.size, self.seed, self.noise, self.difficulty, "v1"))


def render_scene(
    seed: int,
    mode: str,
    index: int,
    *,
    size: tuple[int, int] = (96, 96),
    num_classes: int = 8,
    noise: float = 0.03,
    difficulty: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene: uint8 RGB [H, W, 3] and uint8 ids [H, W]."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_MODES[mode], index))
    return Street(np.random.Generator(np.random.PCG64(sequence)), size, num_classes, difficulty).paint(noise)
