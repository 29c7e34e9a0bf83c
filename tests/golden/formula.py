"""Weights and images from a formula that two frameworks can compute alike (NumPy only).

A golden file then holds outputs alone: the script that made it and the test that
reads it fill their networks with the same numbers, told by parameter name and
shape. Every value is a hash of (name, position) in integer arithmetic, so it
does not depend on a NumPy version or a machine.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

_U64 = np.uint64
_PIECE = 1 << 14  # what stays in a core's own cache


def uniform(name: str, shape: Sequence[int]) -> np.ndarray:
    """Values in [-1, 1) of that shape, float64; a splitmix64 hash of (crc32(name), flat index)."""
    values = np.empty([int(s) for s in shape])
    flat, seed = values.reshape(-1), _U64(zlib.crc32(name.encode())) << _U64(32)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        piece[:] = _splitmix64(seed, np.arange(start + 1, start + 1 + piece.size, dtype=_U64))
    values *= 2.0**-52
    values -= 1.0
    return values


def _splitmix64(seed: np.uint64, z: np.ndarray) -> np.ndarray:
    """53 bits for each index, from 1 on; overwrites them."""
    with np.errstate(over="ignore"):
        z *= _U64(0x9E3779B97F4A7C15)
        z += seed
        z ^= z >> _U64(30)
        z *= _U64(0xBF58476D1CE4E5B9)
        z ^= z >> _U64(27)
        z *= _U64(0x94D049BB133111EB)
        z ^= z >> _U64(31)
    z >>= _U64(11)
    return z


def formula_weights(name: str, shape: Sequence[int], gains: Mapping[str, float] | None = None) -> np.ndarray:
    """Float32 values of one parameter or buffer that keep activations O(1).

    By the last part of ``name`` (Paddle's or torch's word) and the shape:

    * 2-D and more: uniform with variance ``2 / fan_in`` (He), fan_in = elements / shape[0];
    * ``_mean``, ``running_mean``, ``bias``: within 0.1 of 0;
    * ``_variance``, ``running_var``: 0.7 to 1.3;
    * ``_weight`` (a PReLU): 0.15 to 0.35;
    * other 1-D (a scale): 0.8 to 1.2.

    The name itself seeds the hash, so both sides must use the same names (ours).

    Args:
        gains: ``{regular expression: factor}``, every one found in ``name`` applies;
            keeps residual networks, whose variance doubles with every unit, at O(1).
    """
    u = uniform(name, shape)
    last = name.rpartition(".")[2]
    if len(shape) > 1:
        u *= np.sqrt(6.0 / np.prod(shape[1:]))
        values = u
    elif last in ("_mean", "running_mean", "bias"):
        values = 0.1 * u
    elif last in ("_variance", "running_var"):
        values = 1.0 + 0.3 * u
    elif last == "_weight":
        values = 0.25 + 0.1 * u
    else:
        values = 1.0 + 0.2 * u
    for pattern, factor in (gains or {}).items():
        if re.search(pattern, name):
            values = values * factor
    return values.astype(np.float32)


def formula_state(
    shapes: Mapping[str, Sequence[int]], gains: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """:func:`formula_weights` for every ``name: shape``."""
    return {name: formula_weights(name, list(shape), gains) for name, shape in shapes.items()}


def formula_image(batch: int, channels: int, height: int, width: int) -> np.ndarray:
    """A float32 image batch ``[N, C, H, W]`` with unit variance: waves a network can see, and some noise."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    image = np.empty([batch, channels, height, width])
    for n in range(batch):
        for c in range(channels):
            image[n, c] = np.sin(0.11 * (c + 1) * y + 0.07 * (n + 2) * x + c)
    noise = uniform(f"image {channels}x{height}x{width}", image.shape)
    return (image + noise).astype(np.float32)
