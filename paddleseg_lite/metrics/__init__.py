"""Measures of a segmentation: one confusion matrix, and what is computed from it or beside it."""

from .confusion import ConfusionMatrix, Scores

__all__ = ["ConfusionMatrix", "Scores"]
