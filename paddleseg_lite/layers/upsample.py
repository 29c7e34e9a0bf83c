"""Ways up: bilinear resize, fitting one map to another, bilinear deconvolution kernels, max-unpooling."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F


def resize(x, size, *, align_corners: bool = False, mode: str = "bilinear"):
    """Resize ``[N, C, H, W]`` to ``size = (h, w)``; the input itself when it already has that size.

    Half-pixel centres (as in torch and OpenCV) unless ``align_corners``.
    """
    if paddle.in_dynamic_mode() and list(x.shape[2:]) == [int(s) for s in size]:
        return x
    if mode == "nearest":
        return F.interpolate(x, size=size, mode="nearest")
    return F.interpolate(x, size=size, mode=mode, align_corners=align_corners, align_mode=0)


def fit_to(x, reference):
    """Pad with zeros or crop ``x`` symmetrically so that its H, W equal those of ``reference``."""
    height, width = reference.shape[2:]
    dy, dx = height - x.shape[2], width - x.shape[3]
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


def max_unpool_2x2(x, indices, output_size):
    """Put each value of ``x [N, C, h, w]`` back where 2 x 2 / 2 max-pooling took it from; zeros elsewhere.

    Args:
        x: pooled values.
        indices: flat positions over H * W from ``F.max_pool2d(return_mask=True)``,
            pooled by floor or by ceil.
        output_size: ``(H, W)`` of the map before pooling, odd sizes included.
    """
    if paddle.in_dynamic_mode():
        return F.max_unpool2d(x, indices, 2, 2, output_size=[*x.shape[:2], *(int(s) for s in output_size)])
    return unpool_by_select(x, indices, output_size)


def unpool_by_select(x, indices, output_size):
    """:func:`max_unpool_2x2` out of nearest resize, comparison and select.

    Converters to other engines know these and have no scatter for the real
    operator; it costs ten times as much here, so only static graphs use it.
    """
    height, width = int(output_size[0]), int(output_size[1])
    h, w = int(x.shape[2]), int(x.shape[3])
    # Compare dy * W + dx within each window, not positions in the map: those are
    # not exact in float32 from 2^24 pixels on, and in half precision long before.
    corner = 2 * width * np.arange(h)[:, None] + 2 * np.arange(w)[None, :]
    offset = (indices - paddle.to_tensor(corner[None, None].astype("int32")).astype(indices.dtype)).astype("float32")
    value, offset = (_pad_or_crop(F.interpolate(t, scale_factor=2, mode="nearest"), height, width) for t in (x, offset))
    here = (np.arange(height) % 2)[:, None] * width + (np.arange(width) % 2)[None, :]
    taken = offset == paddle.to_tensor(here[None, None].astype("float32"))
    return paddle.where(taken, value, paddle.zeros_like(value))


def _pad_or_crop(x, height: int, width: int):
    x = x[:, :, :height, :width]
    dy, dx = height - x.shape[2], width - x.shape[3]
    # Floor pooling drops the last odd row and column: nothing was taken from there.
    return F.pad(x, [0, dx, 0, dy], value=-1.0) if dy or dx else x
