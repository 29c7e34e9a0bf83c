"""Context scenes: pictures in which an object's class cannot be told from its surroundings.

    prior           one small mark, far away, decides the class of all objects
    semantic        a vehicle is a boat on water and a car on road; around it lies a neutral apron
    semantic_hard   2 to 4 regions of random colour, in scattered tiles, each with a mark of
                    its own: an object follows the mark of *its* region
    spatial         a vehicle's class is the side on which its partner (of its colour) stands;
                    the light tells where in the picture a pixel lies

The picture of an object is the same whatever its class. docs/context_scenes.md
derives what can be reached with and without context; :func:`bayes_optimal`
computes it. A sample depends on (seed, mode, index) alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ConfigError
from ...registry import DATASETS
from .base import SegDataset
from .context_layout import KINDS, Layout, make_layout
from .context_paint import paint

_MODES = {"train": 0, "val": 1, "test": 2}
_NAMES = {
    "prior": ("background", "kind A", "kind B"),
    "semantic": ("background", "boat", "car"),
    "semantic_hard": ("background", "boat", "car"),
    "spatial": ("background", "partner left", "partner right"),
}
_COLOURS = ((60, 60, 60), (240, 170, 20), (40, 130, 240))


@DATASETS.register
class ContextScenes(SegDataset):
    """Procedural scenes that need context; classes: background and two kinds of object.

    Args:
        kind: one of prior, semantic, semantic_hard, spatial, or a list of them,
            taken in turn; ``meta["kind"]`` of a sample says which it is.
        num_samples: how many.
        size: (height, width), each at least 64.
        seed: of the whole set.
        difficulty: 0 to 1: noise, objects, distracting marks; regions and pairs (2 to 4).
        cue_distance: pixels between any object and any cue, at least; take one
            beyond the reach of the network that shall not solve it.
        reliability: share of objects whose class follows the context.
        mode: train, val and test are different scenes of one seed.
        **kwargs: as :class:`~.base.SegDataset`.
    """

    def __init__(
        self,
        *,
        kind: str | Sequence[str] = "prior",
        num_samples: int = 1000,
        size=(96, 96),
        seed: int = 0,
        difficulty: float = 0.5,
        cue_distance: int = 14,
        reliability: float = 1.0,
        mode: str = "train",
        **kwargs,
    ):
        kinds = (kind,) if isinstance(kind, str) else tuple(kind)
        unknown = [k for k in kinds if k not in KINDS]
        if unknown or not kinds:
            raise ConfigError(f"ContextScenes kind is one or more of {', '.join(KINDS)}, but got {kind!r}.")
        good = isinstance(size, (list, tuple)) and len(size) == 2 and all(isinstance(s, int) and s >= 64 for s in size)
        if not good:
            raise ConfigError(f"ContextScenes size is (height, width), each at least 64, but got {size!r}.")
        if not isinstance(num_samples, int) or num_samples < 1 or not isinstance(seed, int) or seed < 0:
            raise ConfigError("ContextScenes needs num_samples of 1 or more and an integer seed of 0 or more.")
        if not 0 <= difficulty <= 1 or not 0.5 <= reliability <= 1 or not 1 <= cue_distance <= min(size):
            raise ConfigError(
                "ContextScenes needs difficulty in 0..1, reliability in 0.5..1 and cue_distance within the picture."
            )
        if kwargs.get("img_channels", 3) != 3:
            raise ConfigError("ContextScenes has RGB images: leave img_channels at 3.")
        names = _NAMES[kinds[0]] if len(set(kinds)) == 1 else ("background", "class 1", "class 2")
        kwargs.setdefault("num_classes", 3)
        kwargs.setdefault("class_names", names)
        kwargs.setdefault("palette", _COLOURS)
        super().__init__(mode=mode, **kwargs)
        self.kinds, self.num_samples, self.size, self.seed = kinds, num_samples, tuple(size), seed
        self.difficulty, self.cue_distance, self.reliability = difficulty, cue_distance, reliability

    def __len__(self):
        return self.num_samples

    def kind_of(self, index: int) -> str:
        """Which kind sample ``index`` is."""
        return self.kinds[index % len(self.kinds)]

    def describe(self, index):
        kind = self.kind_of(index)
        return {"path": f"context/{kind}-{self.mode}-{self.seed}-{index:06d}.png", "label_path": None, "kind": kind}

    def layout(self, index: int) -> tuple[Layout, np.random.Generator]:
        """What stands where in sample ``index``, and the generator its noise is drawn from."""
        kind = self.kind_of(index)
        key = (_MODES[self.mode], KINDS.index(kind), index)
        place, noise = np.random.SeedSequence(self.seed, spawn_key=key).spawn(2)
        layout = make_layout(
            np.random.default_rng(place), kind, self.size, self.cue_distance, self.difficulty, self.reliability
        )
        return layout, np.random.default_rng(noise)

    def read(self, index):
        layout, noise = self.layout(index)
        image, label = paint(layout, noise, self.cue_distance, self.difficulty)
        sample = {"image": image, "meta": self.describe(index)}
        if self.mode != "test":
            sample["label"] = label
        return sample

    def raw_label(self, index):
        sample = self.read(self._index(index))
        return sample["label"], sample["meta"]["path"]

    def fingerprint(self):
        settings = (self.kinds, self.size, self.seed, self.difficulty, self.cue_distance, self.reliability, "v1")
        return super().fingerprint() + repr(settings)


def bayes_optimal(
    kind: str,
    *,
    size=(96, 96),
    difficulty: float = 0.5,
    cue_distance: int = 14,
    reliability: float = 1.0,
    samples: int = 500,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Best scores that a given knowledge allows, by Monte Carlo over the generator's layouts.

    All three predictors find every object pixel; they differ in how they name it:

    * ``without_context``: sees only what lies within ``cue_distance``. Both classes are
      equally likely; naming half the pixels each is best for mIoU (1/3 over objects);
    * ``cues_only``: knows which cues the picture has (spatial: how many partners stand
      on each side), not whose they are: names the more frequent class (a tie: half each);
    * ``with_context``: knows everything.

    Returns:
        ``{predictor: {"object_accuracy", "object_miou", "miou"}}``, object_miou over the
        two object classes, miou with the background (its IoU is 1).
    """
    dataset = ContextScenes(
        kind=kind,
        num_samples=samples,
        size=size,
        seed=seed,
        difficulty=difficulty,
        cue_distance=cue_distance,
        reliability=reliability,
        mode="test",
    )
    confusion = {name: np.zeros((2, 2)) for name in ("without_context", "cues_only", "with_context")}
    for index in range(samples):
        layout, _ = dataset.layout(index)
        said = [layout.ground] if kind == "semantic" else [c.value for c in layout.cues]
        lead = float(np.sign(said.count(2) - said.count(1)))
        for box, truth in zip(layout.objects, layout.truth):
            area = box.height * box.width
            second_share = {"without_context": 0.5, "cues_only": 0.5 + lead / 2, "with_context": truth - 1.0}
            for name, second in second_share.items():
                confusion[name][box.value - 1] += area * np.array([1.0 - second, second])
    return {name: _scores(matrix) for name, matrix in confusion.items()}


def _scores(matrix: np.ndarray) -> dict[str, float]:
    hit = np.diag(matrix)
    iou = hit / (matrix.sum(0) + matrix.sum(1) - hit)
    return {
        "object_accuracy": float(hit.sum() / matrix.sum()),
        "object_miou": float(iou.mean()),
        "miou": float((1.0 + iou.sum()) / 3),
    }
