"""What may follow the network: the fully connected CRF of DeepLab V1 and V2."""

from .crf import PRESETS, DenseCRF, build_crf

__all__ = ["PRESETS", "DenseCRF", "build_crf"]
