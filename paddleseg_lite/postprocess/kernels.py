"""The kernels of the CRF: each turns values at N pixels into sums over all pixels."""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np

_CHANNELS = 32  # channels that cv2 filters at once


class Kernel(Protocol):
    """``k(i, j)`` over N pixels."""

    diagonal: np.ndarray  #: ``k(i, i)``, [N]

    def filter(self, values: np.ndarray) -> np.ndarray:
        """``sum_j k(i, j) v_j``, j = i included: ``[N, K] -> [N, K]``."""


def positions(height: int, width: int) -> np.ndarray:
    """``(x, y)`` of every pixel, ``[H*W, 2]`` float32, row by row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def colours(image: np.ndarray) -> np.ndarray:
    """``[H, W(, C)] -> [H*W, C]`` float32."""
    return image.reshape(image.shape[0] * image.shape[1], -1).astype(np.float32)


class GridGaussian:
    """``exp(-|p_i - p_j|^2 / (2 std^2))`` over the pixel grid, as two one-dimensional convolutions.

    On a grid the kernel separates, so this needs no lattice: it is exact but for the
    tail beyond ``4 std`` (weights below 0.0004).
    """

    def __init__(self, height: int, width: int, std: float) -> None:
        self.shape = (height, width)
        radius = math.ceil(4 * std)
        self.taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / std) ** 2).astype(np.float32)
        self.diagonal = np.ones(height * width, np.float32)

    def filter(self, values: np.ndarray) -> np.ndarray:
        grid = np.ascontiguousarray(values, dtype=np.float32).reshape(*self.shape, -1)
        parts = [
            cv2.sepFilter2D(
                grid[..., start : start + _CHANNELS], -1, self.taps, self.taps, borderType=cv2.BORDER_CONSTANT
            ).reshape(len(values), -1)
            for start in range(0, grid.shape[2], _CHANNELS)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


class ExactGaussian:
    """``exp(-|f_i - f_j|^2 / 2)`` for every pair: O(N^2), the reference that the fast kernels are tested against.

    Args:
        features: ``[N, d]``, divided by the standard deviations; N at most 4096.
    """

    LIMIT = 4096

    def __init__(self, features: np.ndarray) -> None:
        features = np.asarray(features, dtype=np.float64)
        if len(features) > self.LIMIT:
            raise ValueError(f"the exact CRF holds all pairs: at most {self.LIMIT} pixels, got {len(features)}.")
        squares = (features**2).sum(axis=1)
        distances = squares[:, None] + squares[None] - 2 * features @ features.T
        self.matrix = np.exp(-0.5 * np.maximum(distances, 0.0))
        self.diagonal = np.diag(self.matrix)

    def filter(self, values: np.ndarray) -> np.ndarray:
        return self.matrix @ values
