"""What :mod:`.scenes` leaves to chance: numbers, events and tints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .scene_canvas import Colour


class Chance:
    """Draws from ``rng``; tints spread more the higher the ``difficulty`` (0 to 1)."""

    def __init__(self, rng: np.random.Generator, difficulty: float) -> None:
        self.rng, self.hard = rng, difficulty

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.rng.random()

    def count(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def tint(self, colour: Colour, spread: float) -> np.ndarray:
        """A colour near ``colour``; the spread grows with difficulty."""
        reach = max(1, round(spread * (0.4 + 1.2 * self.hard)))
        return np.asarray(colour, np.int32) + self.rng.integers(-reach, reach + 1, 3) + self.count(-reach, reach)

    def pick(self, colours: Sequence[Colour], spread: float = 10) -> np.ndarray:
        return self.tint(colours[int(self.rng.integers(len(colours)))], spread)
