"""Elastic deformation, UNet's main augmentation.

Ronneberger, Fischer, Brox 2015, section 3.1: random displacement vectors on a
coarse 3 x 3 grid, from a Gaussian with 10 pixels standard deviation; per-pixel
displacements by bicubic interpolation between them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ...errors import ConfigError
from ...registry import TRANSFORMS
from .base import LABEL_PADDING, Fill, Sample, Transform, channel_values, geometric, probability


@TRANSFORMS.register(small={"sigma": 4.0, "border": "constant"})
class ElasticDeformation(Transform):
    """Bend the image smoothly.

    Args:
        sigma: standard deviation of the displacements, in pixels.
        grid_size: control points along each side; the outer ones lie on the image's corners.
        prob: probability of bending at all.
        border: what comes in from outside: ``reflect`` (image and label mirrored,
            as the paper extrapolates) or ``constant`` (padding values).
        im_padding_value, label_padding_value: for ``constant``; as in Padding.
    """

    random = True

    def __init__(
        self,
        *,
        sigma: float = 10.0,
        grid_size: int = 3,
        prob: float = 1.0,
        border: str = "reflect",
        im_padding_value: Fill = 127.5,
        label_padding_value: int = LABEL_PADDING,
    ) -> None:
        if not sigma >= 0 or not isinstance(grid_size, int) or grid_size < 2:
            raise ConfigError("ElasticDeformation needs sigma >= 0 (pixels) and an integer grid_size of 2 or more.")
        if border not in ("reflect", "constant"):
            raise ConfigError(f"ElasticDeformation border is reflect or constant, but got {border!r}.")
        self.sigma, self.grid_size, self.prob = float(sigma), grid_size, probability(prob, "ElasticDeformation prob")
        self.border, self.im_padding_value, self.label_padding_value = border, im_padding_value, label_padding_value

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        draw = rng.random()
        coarse = rng.standard_normal((2, self.grid_size, self.grid_size)) * self.sigma
        if draw >= self.prob:
            return sample
        h, w = sample["image"].shape[:2]
        dx, dy = displacement(coarse, (h, w))
        x = (np.arange(w, dtype=np.float32)[None, :] + dx).astype(np.float32)
        y = (np.arange(h, dtype=np.float32)[:, None] + dy).astype(np.float32)
        mode = cv2.BORDER_REFLECT_101 if self.border == "reflect" and min(h, w) > 1 else cv2.BORDER_CONSTANT

        def warp(array: np.ndarray, flag: int, value: Any) -> np.ndarray:
            fill = np.atleast_1d(channel_values(value, array)).tolist()[:4]
            return cv2.remap(array, x, y, flag, borderMode=mode, borderValue=fill)

        return geometric(
            sample,
            lambda a: warp(a, cv2.INTER_LINEAR, self.im_padding_value),
            lambda a: warp(a, cv2.INTER_NEAREST, self.label_padding_value),
            lambda a: warp(a, cv2.INTER_LINEAR, 0.0),
        )


def displacement(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bicubic interpolation of ``coarse`` [2, g, g] to [2, H, W], corners on corners."""
    rows, columns = (_cubic_matrix(coarse.shape[1], n) for n in size)
    return np.stack([rows @ c @ columns.T for c in coarse])


def _cubic_matrix(points: int, size: int) -> np.ndarray:
    """[size, points]: cubic convolution (Keys 1981, a = -1/2) at evenly spaced positions, ends repeated."""
    at = np.linspace(0, points - 1, size)
    base = np.minimum(at.astype(int), points - 2)
    t = at - base
    weights = np.stack(
        [((-t + 2) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((-3 * t + 4) * t + 1) * t / 2, (t - 1) * t * t / 2]
    )
    matrix = np.zeros((size, points))
    for k in range(4):
        np.add.at(matrix, (np.arange(size), np.clip(base + k - 1, 0, points - 1)), weights[k])
    return matrix
