"""The fully connected CRF of DeepLab V1 and V2.

Krähenbühl and Koltun, NIPS 2011, arXiv:1210.5644. Every pixel is tied to every other:

    E(x) = sum_i -log P_i(x_i) + sum_{i<j} [x_i != x_j] (w1 k1(i, j) + w2 k2(i, j))
    k1 = exp(-|p_i - p_j|^2 / 2 s_a^2 - |I_i - I_j|^2 / 2 s_b^2)      near and of like colour
    k2 = exp(-|p_i - p_j|^2 / 2 s_g^2)                                near

with p in pixels and I the raw image, 0 to 255. Mean-field iterations, starting from Q = P:

    m_k(i) = sum_{j != i} k(i, j) Q_j;    Q <- softmax(log P + sum_k w_k m_k)

With ``normalize`` a kernel becomes ``k(i, j) / sqrt(d_i d_j)``, where ``d_i = sum_j k(i, j)``,
j = i included, so that its messages lie between 0 and 1 wherever the pixel is. The
published weights go with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..errors import ConfigError, nearest
from ..runtime import available_cores
from .kernels import ExactGaussian, GridGaussian, Kernel, colours, positions
from .lattice import PermutohedralLattice

#: Published parameters of the DeepLab models: w1, s_a, s_b, w2, s_g.
PRESETS = {
    "deeplab_v1": (5, 50, 10, 3, 3),
    "deeplab_v1_msc": (3, 95, 3, 3, 3),
    "deeplab_v1_largefov": (4, 121, 5, 3, 3),
    "deeplab_v1_msc_largefov": (4, 83, 5, 3, 3),
    "deeplab_v1_coco": (5, 67, 3, 3, 3),
    "deeplab_v1_coco_largefov": (5, 69, 5, 3, 3),
    "deeplab_v1_msc_coco_largefov": (4, 59, 5, 3, 3),
    "deeplab_v2_resnet101": (4, 67, 3, 3, 1),
}
_NAMES = ("bi_w", "bi_xy_std", "bi_rgb_std", "pos_w", "pos_xy_std")


class DenseCRF:
    """Mean-field inference in the fully connected CRF.

    Takes about 1.2 kB of memory a pixel with 11 classes (1.1 GB for 1280x720).

    Args:
        bi_w, bi_xy_std, bi_rgb_std: w1, s_a (pixels) and s_b (grey levels) of the bilateral kernel.
        pos_w, pos_xy_std: w2 and s_g (pixels) of the spatial kernel.
        iterations: mean-field steps; 0 returns the input.
        normalize: symmetric normalisation of both kernels.
        exact: all pairs instead of the fast kernels; images of at most 64x64 pixels.
        threads: that share the classes; by default as many as there are cores for this process.
            The result does not depend on it.
    """

    MIN_PROBABILITY = 1e-6  # bounds -log P at 13.8, so that certainty can be overruled

    def __init__(
        self,
        *,
        bi_w: float = 4.0,
        bi_xy_std: float = 67.0,
        bi_rgb_std: float = 3.0,
        pos_w: float = 3.0,
        pos_xy_std: float = 1.0,
        iterations: int = 10,
        normalize: bool = True,
        exact: bool = False,
        threads: int | None = None,
    ) -> None:
        for name, value in (("bi_xy_std", bi_xy_std), ("bi_rgb_std", bi_rgb_std), ("pos_xy_std", pos_xy_std)):
            if value <= 0:
                raise ConfigError(f"crf: {name} is a standard deviation, above 0, got {value}.")
        if iterations < 0:
            raise ConfigError(f"crf: iterations must be 0 or more, got {iterations}.")
        self.bi_w, self.bi_xy_std, self.bi_rgb_std = bi_w, bi_xy_std, bi_rgb_std
        self.pos_w, self.pos_xy_std = pos_w, pos_xy_std
        self.iterations, self.normalize, self.exact = iterations, normalize, exact
        self.threads = threads or available_cores()

    @classmethod
    def preset(cls, name: str, **changes: Any) -> DenseCRF:
        """The published parameters of a DeepLab model (:data:`PRESETS`), some of them changed."""
        if name not in PRESETS:
            raise ConfigError(f"unknown crf preset '{name}'.{nearest(name, PRESETS)} Known: {', '.join(PRESETS)}.")
        return cls(**{**dict(zip(_NAMES, map(float, PRESETS[name]))), **changes})

    def __call__(self, probabilities: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Refine one image's prediction.

        Args:
            probabilities: ``[K, H, W]``, adding up to 1 over K.
            image: uint8 ``[H, W, C]`` or ``[H, W]``, as read, not normalised.

        Returns:
            Q: float32 ``[K, H, W]``, adding up to 1 over K.

        Raises:
            ValueError: shapes or types do not match, or too many pixels for ``exact``.
        """
        p, image = np.asarray(probabilities), np.asarray(image)
        if p.ndim != 3 or image.shape[:2] != p.shape[1:]:
            raise ValueError(f"the CRF takes probabilities [K, H, W], image [H, W, C]; got {p.shape}, {image.shape}.")
        if image.dtype != np.uint8:
            raise ValueError(f"the CRF compares raw colours: give the image as uint8, got {image.dtype}.")
        classes, height, width = p.shape
        real = np.float64 if self.exact else np.float32
        rows = np.ascontiguousarray(p.reshape(classes, -1).T, dtype=real)
        log_p = np.log(np.maximum(rows, self.MIN_PROBABILITY))
        if not self.iterations:
            return _maps(softmax(log_p), height, width)
        messages = [Message(kernel, weight, self.normalize) for kernel, weight in self.kernels(image)]
        bounds = np.linspace(0, classes, min(self.threads, classes) + 1).astype(int)
        shares = [np.s_[:, start:stop] for start, stop in zip(bounds, bounds[1:])]
        with ThreadPoolExecutor(len(shares)) as pool:
            q = softmax(log_p.copy())
            for _ in range(self.iterations):
                energy = log_p.copy()

                def collect(share: Any, q: np.ndarray = q, energy: np.ndarray = energy) -> None:
                    for message in messages:
                        energy[share] += message(q[share])

                list(pool.map(collect, shares))
                q = softmax(energy)
        return _maps(q, height, width)

    def kernels(self, image: np.ndarray) -> Iterator[tuple[Kernel, float]]:
        """``(kernel, weight)`` of the terms that have a weight."""
        height, width = image.shape[:2]
        where = positions(height, width)
        if self.bi_w:
            features = np.concatenate([where / self.bi_xy_std, colours(image) / self.bi_rgb_std], axis=1)
            yield (ExactGaussian if self.exact else PermutohedralLattice)(features), self.bi_w
        if self.pos_w:
            exact = self.exact
            kernel = ExactGaussian(where / self.pos_xy_std) if exact else GridGaussian(height, width, self.pos_xy_std)
            yield kernel, self.pos_w


class Message:
    """``w sum_{j != i} k(i, j) q_j`` for one kernel, normalised on request.

    Args:
        kernel: k.
        weight: w.
        normalize: divide ``k(i, j)`` by ``sqrt(d_i d_j)``; ``d_i`` counts the pixel itself, so that
            a pixel unlike all others gets hardly any message instead of a random one at full weight.
    """

    def __init__(self, kernel: Kernel, weight: float, normalize: bool) -> None:
        self.kernel, self.weight = kernel, weight
        self.own = np.reshape(kernel.diagonal, (-1, 1))
        self.norm = None
        if normalize:
            self.norm = 1.0 / np.sqrt(kernel.filter(np.ones((len(self.own), 1), np.float32)))

    def __call__(self, q: np.ndarray) -> np.ndarray:
        if self.norm is not None:
            q = q * self.norm
        m = self.kernel.filter(q)
        m -= self.own * q
        m *= self.weight if self.norm is None else self.weight * self.norm
        return m


def _maps(rows: np.ndarray, height: int, width: int) -> np.ndarray:
    """``[H*W, K] -> [K, H, W]`` float32."""
    return np.ascontiguousarray(rows.T, dtype=np.float32).reshape(-1, height, width)


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis, in place."""
    x -= x.max(axis=1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=1, keepdims=True)
    return x


def build_crf(spec: Mapping[str, Any] | str | None) -> DenseCRF | None:
    """A CRF from a recipe's ``test_config.crf``.

    Args:
        spec: a preset's name; ``{preset: NAME, iterations: 5, ...}``; the arguments of
            :class:`DenseCRF`; or none.

    Raises:
        ConfigError: unknown preset or argument, with the nearest match.
    """
    if spec is None:
        return None
    spec = {"preset": spec} if isinstance(spec, str) else dict(spec)
    preset = spec.pop("preset", None)
    known = (*_NAMES, "iterations", "normalize", "exact", "threads")
    for key in spec:
        if key not in known:
            raise ConfigError(f"crf has no argument '{key}'.{nearest(key, known)} Known: preset, {', '.join(known)}.")
    return DenseCRF(**spec) if preset is None else DenseCRF.preset(preset, **spec)
