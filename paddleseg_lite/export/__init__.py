"""Models for deployment, and fast ways to run them on a CPU.

    to_onnx(network).save("model.onnx")                   # export_static(...) for Paddle's format
    backend = choose_backend(network).backend             # or load_backend("openvino", network)
    logits = backend(image)                               # [N, C, H, W] -> [N, K, H, W], NumPy
    labels = Deployment.read("output/export").predict(rgb)

How to use it, what was measured and why it is built this way: docs/deploy.md.

May import: inference, accel, layers, data and below.
A new backend is a class and an entry in ``backends``; a new operator of ONNX a handler in ``onnx``.
"""

from __future__ import annotations

from ..inference.backend import Backend
from ..registry import BACKENDS
from .agreement import Agreement, compare, verify
from .auto import Choice, choose_backend
from .backends import PRECISIONS, available, has_bf16
from .cache import cache_folder
from .deploy import Deployment, Description
from .onnx.convert import Normalisation, OnnxModel, to_onnx
from .onnx.dynamic import SizeDependent
from .opening import load_backend
from .static import export_static

# Former names.
Engine, choose_engine, load_engine = Backend, choose_backend, load_backend
KINDS = ("dygraph", "static", "openvino", "onnxruntime")

__all__ = [
    "BACKENDS",
    "KINDS",
    "PRECISIONS",
    "Agreement",
    "Backend",
    "Choice",
    "Deployment",
    "Description",
    "Engine",
    "Normalisation",
    "OnnxModel",
    "SizeDependent",
    "available",
    "cache_folder",
    "choose_backend",
    "choose_engine",
    "compare",
    "export_static",
    "has_bf16",
    "load_backend",
    "load_engine",
    "to_onnx",
    "verify",
]
