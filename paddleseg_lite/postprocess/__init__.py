"""What may follow the network: the fully connected CRF of DeepLab V1 and V2.

May import: registry, runtime, errors.
A new refiner is a file, registered in ``REFINERS`` here.
"""

from ..registry import REFINERS
from .crf import PRESETS, DenseCRF, build_crf

REFINERS.register(build_crf, name="crf")

__all__ = ["PRESETS", "DenseCRF", "build_crf"]
