"""Backends by name: different ways to compute the same logits.

    dygraph       the network itself: :class:`~paddleseg_lite.inference.backend.PaddleBackend`
    static        Paddle's static graph (paddle.inference), fixed shapes; fp32
    openvino      ONNX on OpenVINO; fp32, or bf16 where the chip computes in it
    onnxruntime   ONNX on ONNX Runtime; fp32

``openvino`` and ``onnxruntime`` are optional packages (requirements-fast.txt). An entry of ``BACKENDS`` is a function
``f(network, *, precision, threads, folder) -> Backend``.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn

from ..errors import EnvironmentProblem
from ..inference.backend import Backend, PaddleBackend
from ..registry import BACKENDS
from ..runtime import threads_in_force
from .onnx.convert import AXES
from .source import FileSource, ModelFile, NetworkSource
from .static import StaticBackend

PRECISIONS = ("fp32", "bf16")
_FIXED = 4  # shapes compiled each on their own before one model for all takes over


class OnnxBackend(Backend):
    """ONNX models on a runtime, compiled when a shape first comes.

    The first few shapes get a model compiled for just them; after that, where a
    model takes all sizes, it is compiled once more for whatever comes.

    Args:
        compile_model: ``f(model file, shape or None) -> f(image) -> logits``.
    """

    overlaps = True

    def __init__(self, name: str, source: NetworkSource | FileSource, compile_model: Callable):
        self.name, self.source, self._compile = name, source, compile_model
        self.num_classes = source.num_classes
        self._runs: OrderedDict[Any, Callable] = OrderedDict()

    def __call__(self, image) -> np.ndarray:
        x = image.numpy() if isinstance(image, paddle.Tensor) else np.asarray(image)
        if x.dtype == np.float64:
            x = x.astype(np.float32)
        return self._run_for(x.shape)(np.ascontiguousarray(x))

    def _run_for(self, shape: tuple[int, ...]) -> Callable:
        if shape in self._runs:
            self._runs.move_to_end(shape)
            return self._runs[shape]
        model: ModelFile = self.source.model_for(shape)
        self.bytes_per_pixel = max(self.bytes_per_pixel, model.bytes_per_pixel)
        own = [key for key in self._runs if key is not None]
        if model.shape is None and len(own) >= _FIXED:
            if None not in self._runs:
                self._runs[None] = self._compile(model, None)
            return self._runs[None]
        if len(own) >= _FIXED:
            del self._runs[own[0]]
        self._runs[shape] = self._compile(model, shape)
        return self._runs[shape]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise EnvironmentProblem(
            f"the backend {name} needs the package '{name}': pip install -r requirements-fast.txt ({e})."
        ) from e
    except Exception as e:  # OpenVINO, for one, asks for a home folder while it is imported
        raise EnvironmentProblem(
            f"the package '{name}' is installed and does not start ({type(e).__name__}: {e})."
        ) from e


def _openvino(precision: str, threads: int | None) -> Callable:
    ov = _package("openvino")
    core = ov.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise EnvironmentProblem("this chip does not compute in bf16 (no avx512_bf16 or amx_bf16): use fp32.")
    settings = {
        # Said for fp32 as well: OpenVINO takes bf16 by itself where the chip has it.
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads or threads_in_force(),
        "PERFORMANCE_HINT": "LATENCY",
    }

    def compile_model(model: ModelFile, shape) -> Callable:
        graph = core.read_model(str(model.path))
        if shape is not None:
            graph.reshape(list(shape))
        compiled = core.compile_model(graph, "CPU", settings)
        return lambda x: compiled(x)[0]

    return compile_model


def _onnxruntime(threads: int | None) -> Callable:
    ort = _package("onnxruntime")

    def compile_model(model: ModelFile, shape) -> Callable:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or threads_in_force()
        options.log_severity_level = 3
        for axis, size in zip(model.layout, shape or ()):
            options.add_free_dimension_override_by_name(AXES[axis], int(size))
        session = ort.InferenceSession(str(model.path), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda x: session.run(None, {name: x})[0]

    return compile_model


def available() -> dict[str, str]:
    """Backends this process can make, and for the others why not."""
    found = {"dygraph": "", "static": ""}
    for kind in ("openvino", "onnxruntime"):
        try:
            _package(kind)
            found[kind] = ""
        except EnvironmentProblem as e:
            found[kind] = str(e)
    return found


def has_bf16() -> bool:
    """Whether some backend here computes in bf16."""
    try:
        _openvino("bf16", 1)
    except EnvironmentProblem:
        return False
    return True


@BACKENDS.register(name="dygraph")
def _dygraph(network: nn.Layer, *, precision: str, **_) -> Backend:
    return PaddleBackend(network, precision)


@BACKENDS.register(name="static")
def _static(network: nn.Layer, *, precision: str, threads: int | None, folder: Path | None) -> Backend:
    _only_fp32("static", precision)
    return StaticBackend.of(network, folder=folder)


@BACKENDS.register(name="openvino")
def _by_openvino(network: nn.Layer, *, precision: str, threads: int | None, folder: Path | None) -> Backend:
    return OnnxBackend(f"openvino {precision}", NetworkSource(network, folder), _openvino(precision, threads))


@BACKENDS.register(name="onnxruntime")
def _by_onnxruntime(network: nn.Layer, *, precision: str, threads: int | None, folder: Path | None) -> Backend:
    _only_fp32("onnxruntime", precision)
    return OnnxBackend("onnxruntime fp32", NetworkSource(network, folder), _onnxruntime(threads))


def _only_fp32(kind: str, precision: str) -> None:
    if precision != "fp32":
        raise EnvironmentProblem(f"the backend {kind} computes in fp32 only: openvino and dygraph know bf16.")
