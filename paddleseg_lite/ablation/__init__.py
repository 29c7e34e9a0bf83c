"""Controlled comparisons: which runs, running them, statistics over seeds, the report."""

from .study import Study, load_study

__all__ = ["Study", "load_study"]
