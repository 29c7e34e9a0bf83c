"""Feature extractors: ``forward(x)`` returns one map per stage."""

from .base import Backbone

__all__ = ["Backbone"]
