"""One item: something that the course's notes or articles state, here and by an independent reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LOOPS = "NumPy, written out"
TORCH = "PyTorch functions"
KERAS = "Keras 3"

Pair = tuple[object, object]


@dataclass(frozen=True)
class Item:
    """A statement and how to measure it.

    Attributes:
        source: the day of the notes, or the article.
        title: what is compared.
        reference: by what.
        measure: ``() -> (ours, the reference's)``, numbers or arrays of one shape.
        tolerance: of the largest difference, for values up to 1; relative beyond. 0: equal.
    """

    source: str
    title: str
    reference: str
    measure: Callable[[], Pair]
    tolerance: float

    def difference(self) -> tuple[float, float]:
        """``(largest difference, largest value of the reference)``.

        Raises:
            AssertionError: the two differ in shape, or a value is not finite.
        """
        ours, theirs = (np.asarray(value, dtype=np.float64) for value in self.measure())
        assert ours.shape == theirs.shape, f"{self.title}: {ours.shape} here, {theirs.shape} there"
        assert ours.size and np.isfinite(ours).all() and np.isfinite(theirs).all(), self.title
        return float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())

    def limit(self, largest: float) -> float:
        return self.tolerance * max(1.0, largest)


ITEMS: list[Item] = []


def item(source: str, title: str, *, tolerance: float = 1e-5, reference: str = LOOPS):
    """Register the decorated function as an item."""

    def register(measure: Callable[[], Pair]) -> Callable[[], Pair]:
        ITEMS.append(Item(source, title, reference, measure, tolerance))
        return measure

    return register
