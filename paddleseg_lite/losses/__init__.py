"""Losses: ``(logits, label) -> scalar``, mean over the valid pixels; names as in PaddleSeg.

May import: registry, errors.
A new loss is a file with a ``@LOSSES.register`` class, and its import line here.
"""

from .base import Loss
from .criterion import Criterion, build_criterion
from .cross_entropy import CrossEntropyLoss
from .dice import BCEDiceLoss, DiceLoss
from .focal import FocalLoss
from .lovasz import LovaszSoftmaxLoss
from .mixed import MixedLoss
from .ohem import OhemCrossEntropyLoss
from .presence import PresenceLoss
from .targets import check_labels, crop_labels, fit_labels

__all__ = [
    "BCEDiceLoss",
    "Criterion",
    "CrossEntropyLoss",
    "DiceLoss",
    "FocalLoss",
    "Loss",
    "LovaszSoftmaxLoss",
    "MixedLoss",
    "OhemCrossEntropyLoss",
    "PresenceLoss",
    "build_criterion",
    "check_labels",
    "crop_labels",
    "fit_labels",
]
