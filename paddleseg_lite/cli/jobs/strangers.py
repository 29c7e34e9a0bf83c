"""Warnings of pictures that look unlike those a network was trained on."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ...inference.loaded import Loaded
from ...language import mark
from ...language import translate as _

logger = logging.getLogger("paddleseg_lite")

SHOWN = 3  # pictures that are named one by one
UNLIKE = mark("%s looks unlike the training pictures: %s. The network was not made for it: trust its classes less.")


class Strangers:
    """Counts them; the first ones are named with how they differ.

    Args:
        loaded: the network, which knows what its training pictures looked like.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded, self.count = loaded, 0

    def look(self, path: Path, image: np.ndarray) -> None:
        """Take in one picture, uint8 ``[H, W, C]`` as read."""
        reasons = self.loaded.unlike(image)
        self.count += bool(reasons)
        if reasons and self.count <= SHOWN:
            logger.warning(_(UNLIKE), path, "; ".join(reasons))

    def close(self, images: int) -> None:
        """Say how many there were, where not each was named."""
        if self.count > SHOWN:
            logger.warning(_("%d of %d pictures look unlike the training pictures"), self.count, images)
