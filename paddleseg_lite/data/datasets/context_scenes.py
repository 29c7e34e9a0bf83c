"""Context scenes: pictures in which an object's class cannot be told from its surroundings.

    prior           one small mark, far away, decides the class of all objects
    semantic        a vehicle is a boat on water and a car on road; around it lies a neutral apron
    semantic_hard   2 to 4 regions of random colour, in scattered tiles, each with a mark of
                    its own: an object follows the mark of *its* region
    spatial         a vehicle's class is the side on which its partner (of its colour) stands;
                    the light tells where in the picture a pixel lies
    two_hop         a vehicle's colour leads over ``hops - 1`` marks, each naming the next by its
                    colour, to the one whose face is the class
    relation        a vehicle's colour leads to two marks; the class is whether their faces agree

The picture of an object is the same whatever its class. docs/context_scenes.md
derives what can be reached with and without context; :mod:`.context_bounds` computes
it. A sample depends on (seed, mode, index) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...registry import DATASETS
from ..transforms.base import Sample
from .base import MOST_SAMPLES, SegDataset
from .context_layout import KINDS, Layout, make_layout
from .context_paint import paint

_MODES = {"train": 0, "val": 1, "test": 2}
_NAMES = {
    "prior": ("background", "kind A", "kind B"),
    "semantic": ("background", "boat", "car"),
    "semantic_hard": ("background", "boat", "car"),
    "spatial": ("background", "partner left", "partner right"),
    "two_hop": ("background", "kind A", "kind B"),
    "relation": ("background", "alike", "unlike"),
}
_COLOURS = ((60, 60, 60), (240, 170, 20), (40, 130, 240))


@DATASETS.register(small={"num_samples": 3, "size": [64, 96]})
class ContextScenes(SegDataset):
    """Procedural scenes that need context; classes: background and two kinds of object.

    Args:
        kind: one of prior, semantic, semantic_hard, spatial, two_hop, relation, or a list of
            them, taken in turn; ``meta["kind"]`` of a sample says which it is.
        num_samples: how many.
        size: (height, width), each at least 64.
        seed: of the whole set.
        difficulty: 0 to 1: noise, objects, distracting marks; regions and pairs (2 to 4).
        cue_distance: pixels between any object and any cue, at least; take one
            beyond the reach of the network that shall not solve it.
        reliability: share of objects whose class follows the context.
        hops: of two_hop, 1 to 4: how many look-ups it takes; or a list of them, taken in turn, so that
            the short chains teach the step that the long ones repeat.
        label_links: of two_hop: all marks have the class of their chain as well, so that the steps are
            learned one by one. For training; scores count vehicles.
        mode: train, val and test are different scenes of one seed.
        **kwargs: as :class:`~.base.SegDataset`.
    """

    def __init__(
        self,
        *,
        kind: str | Sequence[str] = "prior",
        num_samples: int = 1000,
        size: Sequence[int] = (96, 96),
        seed: int = 0,
        difficulty: float = 0.5,
        cue_distance: int = 14,
        reliability: float = 1.0,
        hops: int | Sequence[int] = 2,
        label_links: bool = False,
        mode: str = "train",
        **kwargs: Any,
    ) -> None:
        kinds = (kind,) if isinstance(kind, str) else tuple(kind)
        unknown = [k for k in kinds if k not in KINDS]
        if unknown or not kinds:
            raise ConfigError(f"ContextScenes kind is one or more of {', '.join(KINDS)}, but got {kind!r}.")
        good = isinstance(size, (list, tuple)) and len(size) == 2 and all(isinstance(s, int) and s >= 64 for s in size)
        if not good:
            raise ConfigError(f"ContextScenes size is (height, width), each at least 64, but got {size!r}.")
        whole = isinstance(num_samples, int) and isinstance(seed, int)
        if not whole or not 1 <= num_samples <= MOST_SAMPLES or seed < 0:
            raise ConfigError(
                f"ContextScenes needs num_samples from 1 to {MOST_SAMPLES} and an integer seed of 0 or more."
            )
        if not 0 <= difficulty <= 1 or not 0.5 <= reliability <= 1 or not 1 <= cue_distance <= min(size):
            raise ConfigError(
                "ContextScenes needs difficulty in 0..1, reliability in 0.5..1 and cue_distance within the picture."
            )
        lengths = tuple(hops) if isinstance(hops, (list, tuple)) else (hops,)
        if not lengths or any(n not in (1, 2, 3, 4) or isinstance(n, bool) for n in lengths):
            raise ConfigError(f"ContextScenes hops is 1, 2, 3 or 4, or a list of these, got {hops!r}.")
        if kwargs.get("img_channels", 3) != 3:
            raise ConfigError("ContextScenes has RGB images: leave img_channels at 3.")
        names = _NAMES[kinds[0]] if len(set(kinds)) == 1 else ("background", "class 1", "class 2")
        kwargs.setdefault("num_classes", 3)
        kwargs.setdefault("class_names", names)
        kwargs.setdefault("palette", _COLOURS)
        super().__init__(mode=mode, **kwargs)
        self.kinds, self.num_samples, self.size, self.seed = kinds, num_samples, (size[0], size[1]), seed
        self.difficulty, self.cue_distance, self.reliability = difficulty, cue_distance, reliability
        self.hops, self.label_links = lengths, bool(label_links)

    def __len__(self) -> int:
        return self.num_samples

    def kind_of(self, index: int) -> str:
        """Which kind sample ``index`` is."""
        return self.kinds[index % len(self.kinds)]

    def hops_of(self, index: int) -> int:
        """How many look-ups sample ``index`` takes, if it is a chain."""
        return self.hops[index // len(self.kinds) % len(self.hops)]

    def describe(self, index: int) -> dict[str, Any]:
        kind = self.kind_of(index)
        return {"path": f"context/{kind}-{self.mode}-{self.seed}-{index:06d}.png", "label_path": None, "kind": kind}

    def layout(self, index: int) -> tuple[Layout, np.random.Generator]:
        """What stands where in sample ``index``, and the generator its noise is drawn from."""
        kind = self.kind_of(index)
        key = (_MODES[self.mode], KINDS.index(kind), index)
        place, noise = np.random.SeedSequence(self.seed, spawn_key=key).spawn(2)
        layout = make_layout(
            np.random.default_rng(place),
            kind,
            self.size,
            self.cue_distance,
            self.difficulty,
            self.reliability,
            self.hops_of(index),
        )
        return layout, np.random.default_rng(noise)

    def read(self, index: int) -> Sample:
        layout, noise = self.layout(index)
        image, label = paint(layout, noise, self.cue_distance, self.difficulty, self.label_links)
        sample = {"image": image, "meta": self.describe(index)}
        if self.mode != "test":
            sample["label"] = label
        return sample

    def raw_label(self, index: int) -> tuple[np.ndarray, str]:
        sample = self.read(self._index(index))
        return sample["label"], sample["meta"]["path"]

    def fingerprint(self) -> str:
        settings = (self.kinds, self.size, self.seed, self.difficulty, self.cue_distance, self.reliability, "v1")
        hops = self.hops if "two_hop" in self.kinds else ()
        links = ("labelled links",) if self.label_links else ()
        return super().fingerprint() + repr((*settings, *hops, *links))
