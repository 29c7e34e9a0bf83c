"""Blocks that two or more papers share.

May import: errors.
What a second paper needs moves here from the file of the first.
"""

from .conv import ConvBNAct, conv_bn_relu
from .fcn_head import FCNHead, make_dropout
from .freeze import freeze
from .functional import add, concat, interpolate, max_pool_2x2, max_unpool_2x2, relu, spatial_mean
from .init import kaiming_fan_out
from .jpu import JPU
from .norm import FREEZE_BN, BatchNorm, apply_freeze_bn, freeze_bn, keep_statistics, running_statistics
from .pyramid import ASPP, PyramidPooling, adaptive_avg_pool
from .recompute import marked, recompute_blocks, run
from .separable import SeparableConv
from .squeeze_excite import SqueezeExcite
from .styles import pick
from .upsample import bilinear_kernel, fit_to, resize

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
    "add",
    "apply_freeze_bn",
    "bilinear_kernel",
    "concat",
    "conv_bn_relu",
    "fit_to",
    "freeze",
    "freeze_bn",
    "interpolate",
    "kaiming_fan_out",
    "keep_statistics",
    "make_dropout",
    "marked",
    "max_pool_2x2",
    "max_unpool_2x2",
    "pick",
    "recompute_blocks",
    "relu",
    "resize",
    "run",
    "running_statistics",
    "spatial_mean",
]
