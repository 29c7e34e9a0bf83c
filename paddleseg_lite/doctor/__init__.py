"""What is wrong with a recipe, its data and this machine, found before training starts.

May import: training, inference and below; not the commands.
A new question is a function that adds findings to a ``Diagnosis``.
"""

from .diagnosis import diagnose
from .findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
