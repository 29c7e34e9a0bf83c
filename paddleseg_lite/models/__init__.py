"""Networks, one paper a file; :func:`build_model` makes one from its description.

May import: backbones, graph, layers, weights, registry, errors.
A new network is a file with a ``@MODELS.register`` class, and its import line here.
"""

from __future__ import annotations

from .base import Segmentor
from .build import build_model
from .deeplab_v1 import DeepLabV1
from .deeplab_v2 import DeepLabV2
from .deeplab_v3 import DeepLabV3, course_deeplab
from .deeplab_v3plus import DeepLabV3P
from .enet import ENet, enet_course
from .fcn import FCN8s, FCN16s, FCN32s, course_fcn8s
from .fcn_resnet import FCN
from .gcunet import GCUNet
from .ginet import GINet
from .glore import GloRe
from .pspnet import PSPNet, pspnet_mobilenet
from .pspnet_progressive import PSPNetProgressive
from .segnet import SegNet
from .unet import UNet

__all__ = [
    "FCN",
    "DeepLabV1",
    "DeepLabV2",
    "DeepLabV3",
    "DeepLabV3P",
    "ENet",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "GCUNet",
    "GINet",
    "GloRe",
    "PSPNet",
    "PSPNetProgressive",
    "SegNet",
    "Segmentor",
    "UNet",
    "build_model",
    "course_deeplab",
    "course_fcn8s",
    "enet_course",
    "pspnet_mobilenet",
]
