"""Attention over pixels as context units: what a graph unit has to stand beside.

May import: layers, registry, errors and the contract in ``graph.base``.
A new unit is a file with a ``@CONTEXTS.register`` class, and its import line here.
"""

from .ann import ANN
from .ccnet import CCNet
from .danet import DANet
from .dnl import DNL
from .emanet import EMANet
from .gcnet import GCNet
from .isanet import ISANet
from .ocr import OCR

__all__ = ["ANN", "DNL", "OCR", "CCNet", "DANet", "EMANet", "GCNet", "ISANet"]
