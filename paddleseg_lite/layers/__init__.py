"""Blocks that two or more papers share."""

from .conv import ConvBNAct, conv_bn, conv_bn_relu
from .init import kaiming_fan_out
from .norm import BatchNorm, freeze_bn
from .pyramid import ASPP, PyramidPooling, adaptive_avg_pool
from .separable import SeparableConv
from .upsample import bilinear_kernel, fit_to, max_unpool_2x2, resize

__all__ = [
    "ASPP",
    "BatchNorm",
    "ConvBNAct",
    "PyramidPooling",
    "SeparableConv",
    "adaptive_avg_pool",
    "bilinear_kernel",
    "conv_bn",
    "conv_bn_relu",
    "fit_to",
    "freeze_bn",
    "kaiming_fan_out",
    "max_unpool_2x2",
    "resize",
]
