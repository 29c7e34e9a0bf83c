"""Is a backend's output the network's?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import paddle

from .recording import eval_mode

# Share of pixels with the same class that counts as agreement. Networks that pool with indices can
# differ at single windows whose two largest values are equal to the last digits.
AGREES = {"fp32": 0.995, "bf16": 0.97}


@dataclass(frozen=True)
class Agreement:
    """Two outputs compared.

    Attributes:
        max_difference: largest difference of two logits.
        scale: largest absolute logit of the reference.
        argmax: share of pixels with the same class.
        pixels: compared.
    """

    max_difference: float
    scale: float
    argmax: float
    pixels: int

    @property
    def relative(self) -> float:
        return self.max_difference / max(self.scale, 1e-30)

    def good(self, precision: str = "fp32") -> bool:
        return self.argmax >= AGREES[precision]

    def __str__(self) -> str:
        return (
            f"argmax agrees on {100 * self.argmax:.3f} % of {self.pixels} pixels, logits differ by at most "
            f"{self.max_difference:.2g} (largest: {self.scale:.3g})"
        )


def compare(reference: np.ndarray, other: np.ndarray) -> Agreement:
    """Compare logits ``[N, K, H, W]``.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != other.shape:
        raise ValueError(f"logits of shape {list(other.shape)} where the network gives {list(reference.shape)}.")
    difference = np.abs(reference.astype(np.float64) - other)
    if not np.isfinite(other).all():
        difference = np.asarray(np.inf)
    same = reference.argmax(axis=1) == other.argmax(axis=1)
    return Agreement(float(difference.max()), float(np.abs(reference).max()), float(same.mean()), same.size)


def verify(network: paddle.nn.Layer, backend: Callable, images: Iterable[np.ndarray]) -> Agreement:
    """Run both on images ``[N, C, H, W]`` and compare; the worst difference, the mean agreement."""
    results = []
    with eval_mode(network), paddle.no_grad():
        for image in images:
            reference = network(paddle.to_tensor(image))["out"].numpy()
            results.append(compare(reference, np.asarray(backend(image))))
    if not results:
        raise ValueError("verify needs at least one image.")
    pixels = sum(r.pixels for r in results)
    return Agreement(
        max(r.max_difference for r in results),
        max(r.scale for r in results),
        sum(r.argmax * r.pixels for r in results) / pixels,
        pixels,
    )
