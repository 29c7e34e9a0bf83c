"""Networks, one paper a file; :func:`build_model` makes one from its description."""

from __future__ import annotations

from .base import Segmentor
from .build import build_model
from .unet import UNet

__all__ = ["Segmentor", "UNet", "build_model"]
