"""Models for deployment, and fast ways to run them on a CPU.

    to_onnx(network).save("model.onnx")                   # export_static(...) for Paddle's format
    engine = choose_engine(network).engine                # or load_engine("openvino", network)
    logits = engine(image)                                # [N, C, H, W] -> [N, K, H, W], NumPy
    labels = Deployment.read("output/export").predict(rgb)

How to use it, what was measured and why it is built this way: docs/deploy.md.
"""

from __future__ import annotations

from .auto import Choice, choose_engine
from .cache import cache_folder
from .deploy import Deployment, Description
from .dynamic import SizeDependent
from .engines import KINDS, PRECISIONS, Engine, available, has_bf16, load_engine
from .onnx import Normalisation, OnnxModel, to_onnx
from .static import export_static
from .verify import Agreement, compare, verify

__all__ = [
    "KINDS", "PRECISIONS", "Agreement", "Choice", "Deployment", "Description", "Engine", "Normalisation", "OnnxModel",
    "SizeDependent", "available", "cache_folder", "choose_engine", "compare", "export_static", "has_bf16",
    "load_engine", "to_onnx", "verify",
]
