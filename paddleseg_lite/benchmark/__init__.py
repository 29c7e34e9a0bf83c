"""What a network costs: latency, training step, memory and share of the machine's peak (``tools/benchmark.py``).

May import: export, training and below; not the commands.
A new way to compute is an opener in ``ways``, a new figure a file here.
"""

from .subject import Subject, build_subject
from .timing import Stats, alternate

__all__ = ["Stats", "Subject", "alternate", "build_subject"]
