"""What is wrong with a recipe, its data and this machine, found before training starts."""

from .diagnosis import Diagnosis, Finding, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
