"""The fully connected layers of an ImageNet VGG16 as convolutions, whole (FCN) or thinned out (DeepLab)."""

from __future__ import annotations

import numpy as np


def fc6_as_convolution(
    weight: np.ndarray, bias: np.ndarray, *, kernel: int = 7, channels: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """fc6 ``[4096, 512 * 7 * 7]`` as a convolution ``[channels, 512, kernel, kernel]``.

    A smaller kernel takes evenly spread taps (0, 3, 6 for 3; 0, 2, 4, 6 for 4) and
    fewer channels every 4096 / channels-th filter: the decimation of DeepLab V1,
    section 3.2, for its 4x4 and LargeFOV heads.

    Returns:
        ``(weight, bias)``.

    Raises:
        ValueError: ``weight`` is not fc6's.
    """
    if weight.ndim != 2 or weight.shape[1] % 49:
        raise ValueError(f"fc6 is [4096, 25088], one row a filter, but got {list(weight.shape)}.")
    taps = np.linspace(0, 6, kernel).round().astype(int)
    rows = evenly(weight.shape[0], channels)
    volume = weight.reshape(weight.shape[0], -1, 7, 7)
    return volume[rows][:, :, taps][:, :, :, taps].copy(), bias[rows].copy()


def fc7_as_convolution(weight: np.ndarray, bias: np.ndarray, *, channels: int = 4096) -> tuple[np.ndarray, np.ndarray]:
    """fc7 ``[4096, 4096]`` as ``[channels, channels, 1, 1]``, inputs thinned out as fc6's filters are."""
    rows, columns = evenly(weight.shape[0], channels), evenly(weight.shape[1], channels)
    return weight[rows][:, columns][:, :, None, None].copy(), bias[rows].copy()


def evenly(count: int, wanted: int) -> np.ndarray:
    """``wanted`` indices spread over ``count``."""
    return np.arange(wanted) * count // wanted
