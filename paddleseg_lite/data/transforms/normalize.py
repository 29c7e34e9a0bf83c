"""From uint8 to the network's numbers: the last step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ...errors import ConfigError
from ...registry import TRANSFORMS
from .base import Sample, Transform


@TRANSFORMS.register
class Normalize(Transform):
    """``(value / 255 - mean) / std`` as float32 [H, W, C].

    Args:
        mean, std: of values scaled to 0..1, in RGB order; one for each channel, or one for all.
    """

    def __init__(
        self, *, mean: float | Sequence[float] = (0.5, 0.5, 0.5), std: float | Sequence[float] = (0.5, 0.5, 0.5)
    ) -> None:
        self.mean, self.std = _numbers(mean, "mean"), _numbers(std, "std")
        if min(abs(s) for s in self.std) == 0:
            raise ConfigError("Normalize std must not be 0.")
        self._tables: dict[int, np.ndarray] = {}

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        image = sample["image"]
        channels = image.shape[2]
        if image.dtype != np.uint8:
            mean, std = self._values(channels)
            return {**sample, "image": ((image / np.float32(255) - mean) / std).astype(np.float32)}
        if channels not in self._tables:
            mean, std = self._values(channels)
            table = (np.arange(256, dtype=np.float32)[:, None] / np.float32(255) - mean) / std
            self._tables[channels] = table.astype(np.float32).reshape(1, 256, channels)
        table = self._tables[channels]  # one look-up a value, however the channels differ
        if channels > 4:
            out = np.stack([table[0, :, c][image[..., c]] for c in range(channels)], axis=2)
        else:
            out = cv2.LUT(np.ascontiguousarray(image), table).reshape(image.shape)
        return {**sample, "image": out}

    def _values(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        def spread(values: list[float], name: str) -> np.ndarray:
            if len(values) == channels:
                return np.asarray(values, np.float32)
            if len(set(values)) == 1:
                return np.full(channels, values[0], np.float32)
            raise ConfigError(f"Normalize {name} has {len(values)} values for an image of {channels} channels.")

        return spread(self.mean, "mean"), spread(self.std, "std")


def _numbers(values: Any, name: str) -> list[float]:
    try:
        numbers = [float(v) for v in (values if isinstance(values, (list, tuple)) else [values])]
    except (TypeError, ValueError):
        numbers = []
    if not numbers:
        raise ConfigError(f"Normalize {name} is a list of numbers, one for each channel, but got {values!r}.")
    return numbers
