"""Transforms of samples, under PaddleSeg's names and arguments.

Sizes given as ``target_size`` and ``crop_size`` are (width, height).
"""

from . import border, elastic, geometry, normalize, photometric, resize
from .base import Sample, Transform
from .border import UNetBorderWeight
from .compose import Compose, restore
from .elastic import ElasticDeformation
from .geometry import (
    RandomHorizontalFlip,
    RandomPaddingCrop,
    RandomRotation,
    RandomScaleAspect,
    RandomVerticalFlip,
    ResizeStepScaling,
)
from .normalize import Normalize
from .photometric import RandomBlur, RandomDistort
from .resize import LimitLong, Padding, Resize, ResizeByLong, ResizeByShort

__all__ = [
    "Compose",
    "ElasticDeformation",
    "LimitLong",
    "Normalize",
    "Padding",
    "RandomBlur",
    "RandomDistort",
    "RandomHorizontalFlip",
    "RandomPaddingCrop",
    "RandomRotation",
    "RandomScaleAspect",
    "RandomVerticalFlip",
    "Resize",
    "ResizeByLong",
    "ResizeByShort",
    "ResizeStepScaling",
    "Sample",
    "Transform",
    "UNetBorderWeight",
    "border",
    "elastic",
    "geometry",
    "normalize",
    "photometric",
    "resize",
    "restore",
]
