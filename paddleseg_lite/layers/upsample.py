"""Ways up: resize, fitting one map to another, bilinear deconvolution kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor

from .functional import interpolate


def resize(
    x: Tensor,
    size: Sequence[int],
    *,
    align_corners: bool = False,
    half_pixel: bool = True,
    mode: Literal["bilinear", "nearest"] = "bilinear",
) -> Tensor:
    """Resize ``[N, C, H, W]`` to ``size = (h, w)``; the input itself when it already has that size.

    Where target pixel i of n samples a side of L pixels, bilinear:

        (i + 0.5) L / n - 0.5        by default: centres on centres, as in torch and OpenCV
        i (L - 1) / (n - 1)          ``align_corners``: first on first, last on last
        i L / n                      ``half_pixel=False``: first on first, as in TensorFlow 1's ``resize_images``
    """
    if paddle.in_dynamic_mode() and list(x.shape[2:]) == [int(s) for s in size]:
        return x
    if mode == "nearest":
        return F.interpolate(x, size=size, mode="nearest")
    return interpolate(x, size, align_corners=align_corners, half_pixel=half_pixel)


def fit_to(x: Tensor, reference: Tensor) -> Tensor:
    """Pad with zeros or crop ``x`` symmetrically so that its H, W equal those of ``reference``."""
    height, width = reference.shape[2:]
    dy, dx = height - x.shape[2], width - x.shape[3]
    if not paddle.in_dynamic_mode() and max(abs(dy), abs(dx)) <= 1:
        # a graph for all sizes needs the same operations whatever the parity; a slice of everything is dropped
        return F.pad(x, [0, 2, 0, 2])[:, :, :height, :width]
    if dy < 0 or dx < 0:
        top, left = max(-dy, 0) // 2, max(-dx, 0) // 2
        x = x[:, :, top : top + min(x.shape[2], height), left : left + min(x.shape[3], width)]
        dy, dx = max(dy, 0), max(dx, 0)
    if dy or dx:
        x = F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
    return x


def bilinear_kernel(channels_in: int, channels_out: int, size: int) -> np.ndarray:
    """Weights ``[in, out, size, size]`` of a deconvolution that interpolates bilinearly, channel by channel.

    Off-diagonal kernels are zero. With stride ``f = size // 2`` and padding
    ``f // 2`` the interior equals bilinear interpolation by ``f``
    (Long et al., FCN, arXiv:1411.4038, section 3.3).
    """
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 == 1 else factor - 0.5
    ramp = 1 - np.abs(np.arange(size) - centre) / factor
    kernel = np.zeros((channels_in, channels_out, size, size), dtype="float32")
    for channel in range(min(channels_in, channels_out)):
        kernel[channel, channel] = np.outer(ramp, ramp)
    return kernel
