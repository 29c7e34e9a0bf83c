"""What a network costs: latency, training step, memory and share of the machine's peak (``tools/benchmark.py``)."""

from .subject import Subject, build_subject
from .timing import Stats, alternate

__all__ = ["Stats", "Subject", "alternate", "build_subject"]
