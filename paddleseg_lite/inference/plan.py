"""The whole image or windows, and of what size: decided from sizes and memory, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .backend import as_backend
from .footprint import allowed_bytes, bytes_per_pixel
from .options import InferenceOptions

_LARGEST_WINDOW = 1024  # of those chosen here: larger ones cost memory and gain nothing


@dataclass(frozen=True)
class Plan:
    """What was decided for one image size; ``window`` and ``stride`` are ``(h, w)``."""

    window: tuple[int, int] | None = None  # None: whole image
    stride: tuple[int, int] | None = None
    taper: bool = False
    band_bytes: int = 1 << 29


def make_plan(computes: Any, shape: Sequence[int], options: InferenceOptions) -> Plan:
    """Decide between the whole image and windows, and their size.

    Args:
        computes: backend, network or function.
        shape: ``(N, C, H, W)`` of the batch.
    """
    n, channels, height, width = (int(side) for side in shape)
    limit = allowed_bytes(options.memory_limit)
    enlarged = max(1.0, *options.scales) ** 2 if options.aug_eval else 1.0
    window = None if options.crop_size is None else tuple(options.crop_size[::-1])
    if options.is_slide is False:
        return Plan()
    if options.is_slide is None or window is None:
        pixels = int(n * height * width * enlarged)
        pixel = bytes_per_pixel(as_backend(computes), channels, pixels=pixels, limit=limit) * enlarged
        if options.is_slide is None and n * height * width * pixel <= limit:
            return Plan()
        if window is None:
            side = int((limit / 2 / (pixel * n * options.tile_batch)) ** 0.5) // 32 * 32
            window = (min(max(side, 128), _LARGEST_WINDOW),) * 2
    if options.stride is None:
        stride = tuple(max(1, w * 3 // 4) for w in window)
    else:  # a window chosen here may be smaller
        stride = tuple(min(s, w) for s, w in zip(options.stride[::-1], window))
    taper = options.taper if options.taper is not None else options.crop_size is None
    return Plan(window=window, stride=stride, taper=taper, band_bytes=limit // 8)
