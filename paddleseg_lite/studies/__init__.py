"""Controlled comparisons: which runs, running them, statistics over seeds, the report.

May import: training, reports and below; not the commands.
A new statistic goes to ``statistics``, a new way of running to a file beside ``runner``.
"""

from .loading import load_study
from .study import Study

__all__ = ["Study", "load_study"]
