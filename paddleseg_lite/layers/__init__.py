"""Blocks that two or more papers share.

May import: errors.
What a second paper needs moves here from the file of the first.
"""

from .conv import ConvBNAct, conv_bn, conv_bn_relu
from .fcn_head import FCNHead, make_dropout
from .init import kaiming_fan_out
from .jpu import JPU
from .norm import FREEZE_BN, BatchNorm, apply_freeze_bn, freeze_bn, keep_statistics, running_statistics
from .pyramid import ASPP, PyramidPooling, adaptive_avg_pool
from .separable import SeparableConv
from .squeeze_excite import SqueezeExcite
from .upsample import bilinear_kernel, fit_to, max_unpool_2x2, resize

__all__ = [
    "ASPP",
    "FREEZE_BN",
    "JPU",
    "BatchNorm",
    "ConvBNAct",
    "FCNHead",
    "PyramidPooling",
    "SeparableConv",
    "SqueezeExcite",
    "adaptive_avg_pool",
    "apply_freeze_bn",
    "bilinear_kernel",
    "conv_bn",
    "conv_bn_relu",
    "fit_to",
    "freeze_bn",
    "kaiming_fan_out",
    "keep_statistics",
    "make_dropout",
    "max_unpool_2x2",
    "resize",
    "running_statistics",
]
