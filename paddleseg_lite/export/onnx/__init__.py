"""From a traced network to an ONNX file."""

from .convert import AXES, Normalisation, OnnxModel, to_onnx

__all__ = ["AXES", "Normalisation", "OnnxModel", "to_onnx"]
