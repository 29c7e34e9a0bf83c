"""Feature extractors: ``forward(x)`` returns one map per stage.

May import: layers, registry, errors.
A new backbone is a file with a ``@BACKBONES.register`` entry, and its import line here.
"""

from .base import Backbone
from .mobilenet import MobileNetV1
from .plain import PlainCNN
from .resnet import ResNet, ResNet18, ResNet18_vd, ResNet34, ResNet34_vd, ResNet50, ResNet50_vd, ResNet101, ResNet101_vd
from .vgg import VGG16, VGG16BN

__all__ = [
    "VGG16",
    "VGG16BN",
    "Backbone",
    "MobileNetV1",
    "PlainCNN",
    "ResNet",
    "ResNet18",
    "ResNet18_vd",
    "ResNet34",
    "ResNet34_vd",
    "ResNet50",
    "ResNet50_vd",
    "ResNet101",
    "ResNet101_vd",
]
