"""The fully connected CRF behind a network: logits at the picture's own size in, probabilities out."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F

from ..errors import DataError
from .footprint import free_bytes

# Measured on 480x360 to 1280x720: the lattice takes about 1 kB a pixel, and five arrays of K floats stand beside it.
_LATTICE_BYTES, _ARRAYS = 1000, 5


def refine(crf, logits: paddle.Tensor, image: np.ndarray) -> paddle.Tensor:
    """Run the CRF on a prediction.

    Args:
        crf: :class:`~paddleseg_lite.postprocess.DenseCRF`.
        logits: ``[1, K, H, W]`` at the picture's own size.
        image: uint8 ``[H, W, C]``, as read.

    Returns:
        ``[1, K, H, W]`` log-probabilities, so that losses and calibration may take them for logits.

    Raises:
        DataError: the picture needs more memory than there is.
    """
    classes, height, width = (int(s) for s in logits.shape[1:])
    needed = height * width * (_LATTICE_BYTES + 4 * _ARRAYS * classes)
    free = free_bytes()
    if free is not None and needed > 0.9 * free:
        raise DataError(
            f"the CRF needs about {needed / 1e9:.1f} GB for {width}x{height} pixels and {classes} classes, "
            f"and {free / 1e9:.1f} GB are free: predict it without (--crf none), or at a smaller size."
        )
    probabilities = F.softmax(logits, axis=1).numpy()[0]
    refined = crf(probabilities, image)
    return paddle.to_tensor(np.log(np.maximum(refined, 1e-12))[None])
