"""Measures of a segmentation: one confusion matrix, and what is computed from it or beside it.

May import: errors.
A new measure is a file that takes a confusion matrix, or labels and logits as arrays.
"""

from .bootstrap import Interval, difference_interval, miou_interval
from .boundary import BoundaryF1, BoundaryScores
from .calibration import Calibration, CalibrationScores
from .confusion import ConfusionMatrix
from .cross_entropy import MeanCrossEntropy
from .scores import CONVENTIONS, Scores

__all__ = [
    "CONVENTIONS",
    "BoundaryF1",
    "BoundaryScores",
    "Calibration",
    "CalibrationScores",
    "ConfusionMatrix",
    "Interval",
    "MeanCrossEntropy",
    "Scores",
    "difference_interval",
    "miou_interval",
]
