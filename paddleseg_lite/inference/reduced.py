"""Pictures looked at as a whole: reduced where they are large, and as a batch of one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import paddle


def as_batch(sample: dict[str, Any]) -> paddle.Tensor:
    """``[1, C, H, W]`` of a transformed sample."""
    return paddle.to_tensor(np.ascontiguousarray(sample["image"].transpose(2, 0, 1))[None])


def fit(image: np.ndarray, side: int) -> np.ndarray:
    """The picture ``[H, W, C]``, its longer side reduced to ``side`` pixels where it is longer."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = tuple(max(1, round(length * scale)) for length in image.shape[1::-1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small if small.ndim == 3 else small[..., None]
