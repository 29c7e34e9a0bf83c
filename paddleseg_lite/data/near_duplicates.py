"""Pictures that show the same: copies, the same saved anew, frames of one video.

A picture's fingerprint is whether each of 8 x 8 places is brighter than its left
neighbour ("difference hash"), 64 bits. Measured on CamVid: JPEG of quality 50 changes at
most 3 of them, a brighter one cut by 6 pixels on each side at most 5, and a hundredth of
unrelated pairs differ in 15 or fewer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from ..runtime import available_cores

SIDE = 8
NEAR = 10  # bits by which two pictures of the same may differ
NEIGHBOUR = 16  # the same for two that follow each other by name, as the frames of a video do
ROWS = 256  # of the table of distances at once


def fingerprint(path: str | os.PathLike) -> np.ndarray | None:
    """64 bits, bool; None where OpenCV cannot read the file."""
    try:
        data = np.fromfile(path, np.uint8)
        grey = cv2.imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_2 if len(data) > 1 << 16 else cv2.IMREAD_GRAYSCALE)
    except (OSError, ValueError, cv2.error):
        return None
    if grey is None:
        return None
    small = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return (small[:, 1:] > small[:, :-1]).reshape(-1)


def alike(paths: Sequence[str | os.PathLike], *, near: int = NEAR, neighbour: int = NEIGHBOUR) -> list[list[int]]:
    """Indices of pictures in groups of those that show the same, in order; most groups hold one.

    Args:
        near: bits by which two pictures of a group may differ.
        neighbour: bits for two that follow each other in the order of their names.
    """
    with ThreadPoolExecutor(available_cores()) as pool:
        bits = list(pool.map(fingerprint, paths))
    known = [i for i, b in enumerate(bits) if b is not None]
    groups = Groups(len(paths))
    if known:
        signs = np.stack([b for b in bits if b is not None]).astype(np.float32) * 2 - 1
        for start in range(0, len(known), ROWS):
            distance = (SIDE * SIDE - signs[start : start + ROWS] @ signs.T) / 2
            for a, b in zip(*np.nonzero(distance <= near)):
                groups.join(known[start + a], known[b])
        in_order = sorted(range(len(known)), key=lambda k: Path(paths[known[k]]).as_posix())
        for a, b in zip(in_order, in_order[1:]):
            if (SIDE * SIDE - float(signs[a] @ signs[b])) / 2 <= neighbour:
                groups.join(known[a], known[b])
    return groups.listed()


class Groups:
    """Things that belong together (disjoint sets): the smallest index stands for its group."""

    def __init__(self, count: int):
        self.parent = list(range(count))

    def root(self, index: int) -> int:
        """Who stands for a thing's group."""
        while self.parent[index] != index:
            self.parent[index] = self.parent[self.parent[index]]
            index = self.parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make two groups one."""
        a, b = sorted((self.root(one), self.root(other)))
        self.parent[b] = a

    def listed(self) -> list[list[int]]:
        """The groups, by their first members."""
        found: dict[int, list[int]] = {}
        for index in range(len(self.parent)):
            found.setdefault(self.root(index), []).append(index)
        return list(found.values())
