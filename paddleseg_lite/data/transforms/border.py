"""UNet's weight map as a transform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...registry import TRANSFORMS
from ..border_weights import unet_border_weight
from .base import Sample, Transform


@TRANSFORMS.register
class UNetBorderWeight(Transform):
    """Add ``weight`` float32 [H, W] to a sample with a label; put it after the geometric transforms.

    Args:
        w0, sigma: height and width (pixels) of the borders' weight; the paper's are 10 and about 5.
        class_weights: ``w_c``, one number for each class (1 unless given).
        background: the class between the objects.
        ignore_index: the dataset's unless given; such pixels weigh 0.
    """

    def __init__(
        self,
        *,
        w0: float = 10.0,
        sigma: float = 5.0,
        class_weights: Sequence[float] | None = None,
        background: int = 0,
        ignore_index: int = 255,
    ) -> None:
        self.w0, self.sigma, self.class_weights = w0, sigma, class_weights
        self.background, self.ignore_index = background, ignore_index

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if sample.get("label") is None:
            return sample
        weight = unet_border_weight(
            sample["label"],
            w0=self.w0,
            sigma=self.sigma,
            class_weights=self.class_weights,
            background=self.background,
            ignore_index=self.ignore_index,
        )
        return {**sample, "weight": weight}
