"""Models for deployment, and fast ways to run them on a CPU.

    to_onnx(network).save("model.onnx")                   # export_static(...) for Paddle's format
    engine = choose_engine(network).engine                # or load_engine("openvino", network)
    logits = engine(image)                                # [N, C, H, W] -> [N, K, H, W], NumPy
    labels = Deployment.read("output/export").predict(rgb)

How to use it, what was measured and why it is built this way: docs/deploy.md.

May import: inference, accel, layers, data and below.
A new backend is a class in ``backends``; a new operator of ONNX a handler in ``onnx``.
"""

from __future__ import annotations

from .agreement import Agreement, compare, verify
from .auto import Choice, choose_engine
from .backends import KINDS, PRECISIONS, Engine, available, has_bf16
from .cache import cache_folder
from .deploy import Deployment, Description
from .onnx.convert import Normalisation, OnnxModel, to_onnx
from .onnx.dynamic import SizeDependent
from .opening import load_engine
from .static import export_static

__all__ = [
    "KINDS",
    "PRECISIONS",
    "Agreement",
    "Choice",
    "Deployment",
    "Description",
    "Engine",
    "Normalisation",
    "OnnxModel",
    "SizeDependent",
    "available",
    "cache_folder",
    "choose_engine",
    "compare",
    "export_static",
    "has_bf16",
    "load_engine",
    "to_onnx",
    "verify",
]
