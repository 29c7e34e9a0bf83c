"""Room in a picture: placing rectangles apart from each other, a mosaic of regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

MIN_PLACES = 150  # positions a cue must have to choose from
TILE = 24


@dataclass(frozen=True)
class Box:
    """A rectangle: rows top..top + height - 1; ``value`` is a class, ``group`` a region or a pair."""

    top: int
    left: int
    height: int
    width: int
    value: int
    group: int = 0


def place_objects(
    rng: np.random.Generator, areas: Sequence[np.ndarray], counts: Sequence[int]
) -> tuple[Box, ...] | None:
    """``counts[i]`` objects inside area i, apart from each other; None where there is no room."""
    objects: list[Box] = []
    for group, (area, count) in enumerate(zip(areas, counts)):
        for _ in range(count):
            height, width = int(rng.integers(9, 13)), int(rng.integers(11, 16))
            box = place(rng, area & free(area.shape, objects, 2), height, width, minimum=1)
            if box is None:
                return None
            objects.append(replace(box, group=group))
    return tuple(objects)


def place(rng: np.random.Generator, room: np.ndarray, height: int, width: int, minimum: int = MIN_PLACES) -> Box | None:
    """A box somewhere in ``room`` (bool [H, W]); None where it has fewer than ``minimum`` positions."""
    places = fits(room, height, width)
    return Box(*draw(rng, places), height, width, 0) if places.sum() >= minimum else None


def draw(rng: np.random.Generator, places: np.ndarray) -> tuple[int, int]:
    """One of the True positions, evenly: (row, column)."""
    chosen = np.flatnonzero(places)[rng.integers(int(places.sum()))]
    return int(chosen // places.shape[1]), int(chosen % places.shape[1])


def free(size: tuple[int, int], boxes: Sequence[Box], distance: int) -> np.ndarray:
    """Pixels at least ``distance`` away (Chebyshev) from every box."""
    room = np.ones(size, bool)
    for b in boxes:
        rows = slice(max(0, b.top - distance), b.top + b.height + distance)
        room[rows, max(0, b.left - distance) : b.left + b.width + distance] = False
    return room


def fits(room: np.ndarray, height: int, width: int) -> np.ndarray:
    """Top-left corners at which a height x width box lies in ``room`` altogether, a pixel off the border."""
    inner = room.copy()
    inner[0] = inner[-1] = inner[:, 0] = inner[:, -1] = False
    total = np.zeros((room.shape[0] + 1, room.shape[1] + 1), int)
    total[1:, 1:] = inner.cumsum(0).cumsum(1)
    h, w = room.shape[0] - height + 1, room.shape[1] - width + 1
    places = np.zeros(room.shape, bool)
    inside = total[height:, width:] - total[:h, width:] - total[height:, :w] + total[:h, :w]
    places[:h, :w] = inside == height * width
    return places


def spread_hues(rng: np.random.Generator, count: int) -> tuple[float, ...]:
    """Hues in degrees, spread over the circle in any order, each at least 216 / count from the next."""
    gaps = 216 / count + 144 * rng.dirichlet(np.ones(count))
    return tuple(float(h) for h in rng.permutation((rng.random() * 360 + gaps.cumsum()) % 360))


def mosaic(rng: np.random.Generator, size: tuple[int, int], count: int) -> np.ndarray:
    """Region of each pixel: tiles of about 24 pixels, dealt out evenly to ``count`` regions.

    A region is scattered over the picture, so that what is near in the picture
    is no more likely to be of the same region.
    """
    cuts = []
    for length in size:
        tiles = max(3, length // TILE)
        edges = np.arange(1, tiles) * length // tiles + rng.integers(-1, 2, tiles - 1)
        cuts.append((np.searchsorted(edges, np.arange(length), side="right"), tiles))
    (rows, down), (columns, across) = cuts
    owner = rng.permutation(np.arange(down * across) % count).reshape(down, across)
    return owner[rows[:, None], columns[None, :]]
