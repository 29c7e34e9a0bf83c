"""Networks, one paper a file; :func:`build_model` makes one from its description."""

from __future__ import annotations

from .base import Segmentor
from .build import build_model
from .deeplab_v1 import DeepLabV1
from .deeplab_v2 import DeepLabV2
from .enet import ENet, enet_course
from .fcn import FCN8s, FCN16s, FCN32s, course_fcn8s
from .segnet import SegNet
from .unet import UNet

__all__ = [
    "DeepLabV1",
    "DeepLabV2",
    "ENet",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "SegNet",
    "Segmentor",
    "UNet",
    "build_model",
    "course_fcn8s",
    "enet_course",
]
