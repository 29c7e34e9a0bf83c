"""From a traced network to an ONNX file; a new operation is a handler in ``arithmetic``, ``layers`` or ``shapes``."""

from .convert import AXES, Normalisation, OnnxModel, to_onnx

__all__ = ["AXES", "Normalisation", "OnnxModel", "to_onnx"]
