"""What can be reached on context scenes with a given knowledge, computed on the generator's own layouts."""

from __future__ import annotations

from math import comb

import numpy as np

from .context_geometry import Box
from .context_layout import Layout
from .context_scenes import ContextScenes

PREDICTORS = ("without_context", "cues_only", "one_lookup", "with_context")


def bayes_optimal(
    kind: str,
    *,
    size: tuple[int, int] = (96, 96),
    difficulty: float = 0.5,
    cue_distance: int = 14,
    reliability: float = 1.0,
    hops: int = 2,
    samples: int = 500,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Best scores that a given knowledge allows, by Monte Carlo over the generator's layouts.

    All four predictors find every object pixel; they differ in how they name it:

    * ``without_context``: sees only what lies within ``cue_distance``. Both classes are
      equally likely; naming half the pixels each is best for mIoU (1/3 over objects);
    * ``cues_only``: knows which cues the picture has (spatial: how many partners stand
      on each side), not whose they are: names the more probable class (a tie: half each);
    * ``one_lookup``: also knows what one place says that is found by the object's own
      colour: the class, but in ``two_hop`` the next colour, in ``relation`` one of two faces;
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
        hops=hops,
        mode="test",
    )
    confusion = {name: np.zeros((2, 2)) for name in PREDICTORS}
    for index in range(samples):
        layout, _ = dataset.layout(index)
        for box, truth in zip(layout.objects, layout.truth):
            area = box.height * box.width
            for name, second in _probabilities(layout, box, truth).items():
                share = 0.5 + 0.5 * np.sign(second - 0.5)  # of the pixels that are named class 2
                confusion[name][box.value - 1] += area * np.array([1.0 - share, share])
    return {name: _scores(matrix) for name, matrix in confusion.items()}


def _probabilities(layout: Layout, box: Box, truth: int) -> dict[str, float]:
    """Probability of class 2 for an object, by what a predictor knows."""
    known = {"without_context": 0.5, "with_context": truth - 1.0}
    if layout.kind == "relation":
        faces = [cue.value for cue in layout.cues]
        own = next(cue.value for cue in layout.cues if cue.group == box.group)
        alike = (faces.count(own) - 1) / (len(faces) - 1)  # the other face is any of the remaining ones
        return {**known, "cues_only": 1 - _pair_agrees(faces), "one_lookup": 1 - alike}
    said = [layout.ground] if layout.kind == "semantic" else [cue.value for cue in layout.cues]
    pooled = said.count(2) / len(said)
    return {**known, "cues_only": pooled, "one_lookup": pooled if layout.links else known["with_context"]}


def _pair_agrees(faces: list[int]) -> float:
    """Probability that two of these faces, drawn together, are alike."""
    pairs = comb(len(faces), 2)
    return (comb(faces.count(1), 2) + comb(faces.count(2), 2)) / pairs


def _scores(matrix: np.ndarray) -> dict[str, float]:
    hit = np.diag(matrix)
    iou = hit / (matrix.sum(0) + matrix.sum(1) - hit)
    return {
        "object_accuracy": float(hit.sum() / matrix.sum()),
        "object_miou": float(iou.mean()),
        "miou": float((1.0 + iou.sum()) / 3),
    }
