"""Pictures that are always there, drawn by the program: street scenes and context scenes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..data.datasets.context_scenes import ContextScenes
from ..data.datasets.scenes import render_scene
from ..errors import DataError, nearest

STREETS, CONTEXTS = 8, 4
KINDS = ("prior", "semantic_hard", "spatial")


@dataclass(frozen=True)
class Example:
    """A picture uint8 RGB ``[H, W, 3]`` and its class ids ``[H, W]``."""

    image: np.ndarray
    label: np.ndarray


def names() -> list[str]:
    """``scene 1``, ..., ``context prior 1``, ..."""
    streets = [f"scene {i + 1}" for i in range(STREETS)]
    return [*streets, *(f"context {kind} {i + 1}" for kind in KINDS for i in range(CONTEXTS))]


@lru_cache(maxsize=64)
def example(name: str) -> Example:
    """An example by its name, one of validation: no training has seen it.

    Raises:
        DataError: there is none.
    """
    if name not in names():
        raise DataError(f"there is no example '{str(name)[:100]}'.{nearest(str(name)[:100], names())}")
    kind, _, number = name.rpartition(" ")
    index = int(number) - 1
    if kind == "scene":
        return Example(*render_scene(0, "val", index))
    data = ContextScenes(kind=kind.partition(" ")[2], num_samples=CONTEXTS, difficulty=0.0, mode="val")
    sample = data.read(index)
    return Example(sample["image"], sample["label"])
