"""Measures of a segmentation: one confusion matrix, and what is computed from it or beside it."""

from .confusion import ConfusionMatrix
from .scores import CONVENTIONS, Scores

__all__ = ["CONVENTIONS", "ConfusionMatrix", "Scores"]
