"""How sure a network is: the probability of every class at every pixel of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import paddle.nn.functional as F

from ..data import restore
from ..errors import DataError
from .footprint import free_bytes
from .logits import predict_logits
from .reduced import as_batch
from .refine import refine

if TYPE_CHECKING:
    from .loaded import Loaded

_COPIES = 3  # of all maps at the picture's own size: logits, their exponentials, probabilities


def class_probabilities(loaded: Loaded, sample: dict[str, Any], image: np.ndarray) -> np.ndarray:
    """float32 ``[K, H, W]`` at the picture's own size; each pixel's add up to 1.

    Args:
        loaded: the network.
        sample: transformed, as :meth:`~.loaded.Loaded.sample` gives it.
        image: as read, uint8 ``[H, W, C]``; the CRF compares its colours.

    Raises:
        DataError: they need more memory than there is.
    """
    classes, (height, width) = len(loaded.class_names), image.shape[:2]
    needed, free = 4 * _COPIES * classes * height * width, free_bytes()
    if free is not None and needed > 0.8 * free:
        raise DataError(
            f"the probabilities of {classes} classes at {width}x{height} pixels need about {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free: predict it without, or cut the picture into parts."
        )
    logits = predict_logits(loaded.backend, as_batch(sample), options=loaded.any_size)
    logits = restore(logits, sample["meta"]["trans_info"])
    if loaded.crf is not None:
        logits = refine(loaded.crf, logits, image)
    return F.softmax(logits, axis=1).numpy()[0]
