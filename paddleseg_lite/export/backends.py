"""Engines: different ways to compute the same logits, all called as ``engine(image [N, C, H, W]) -> ndarray``.

    dygraph       the network itself; fp32, the number of record; bf16 by the oneDNN kernels of accel
    static        Paddle's static graph (paddle.inference), fixed shapes; fp32
    openvino      ONNX on OpenVINO; fp32, or bf16 where the chip computes in it
    onnxruntime   ONNX on ONNX Runtime; fp32

``openvino`` and ``onnxruntime`` are optional packages (requirements-fast.txt).
"""

from __future__ import annotations

import contextlib
import importlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import paddle

from .. import accel
from ..errors import EnvironmentProblem
from ..runtime import threads_in_force
from .onnx.convert import AXES
from .source import FileSource, ModelFile, NetworkSource

KINDS = ("dygraph", "static", "openvino", "onnxruntime")
PRECISIONS = ("fp32", "bf16")
_FIXED = 4  # shapes compiled each on their own before one model for all takes over


class Engine(Protocol):
    """What computes logits.

    Attributes:
        name: for reports, ``"openvino bf16"``.
        bytes_per_pixel: memory of a run per input pixel, 0 where unknown.
        overlaps: whether Python can go on in another thread while it computes.
    """

    name: str
    bytes_per_pixel: float
    overlaps: bool = False

    def __call__(self, image: Any) -> np.ndarray:
        """``image [N, C, H, W]`` float32 (array or tensor) ``-> logits [N, K, H, W]``."""


class DygraphEngine:
    """The network itself.

    Args:
        network: in eval mode.
        precision: ``bf16``: its convolutions compute in bf16 while this engine runs it.

    Raises:
        EnvironmentProblem: nothing computes in bf16 here.
    """

    def __init__(self, network: paddle.nn.Layer, precision: str = "fp32"):
        if precision == "bf16":
            usable, reason = accel.available()
            if not usable or not accel.has_bf16():
                raise EnvironmentProblem(
                    f"dygraph does not compute in bf16 here: "
                    f"{'this chip has no bf16 arithmetic' if usable else reason}."
                )
        self.network, self.precision = network, precision
        self.name = f"dygraph {precision}"
        self.bytes_per_pixel = 0.0
        self.num_classes = getattr(network, "num_classes", None)

    def __call__(self, image) -> np.ndarray:
        x = image if isinstance(image, paddle.Tensor) else paddle.to_tensor(np.asarray(image))
        half = accel.evaluating(self.network, "bf16") if self.precision == "bf16" else contextlib.nullcontext()
        with paddle.no_grad(), half:
            out = self.network(x)
        return (out["out"] if isinstance(out, dict) else out).numpy()


class OnnxEngine:
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
        self.bytes_per_pixel = 0.0
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
            f"the engine {name} needs the package '{name}': pip install -r requirements-fast.txt ({e})."
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
    """Engines this process can make, and for the others why not."""
    found = {"dygraph": "", "static": ""}
    for kind in ("openvino", "onnxruntime"):
        try:
            _package(kind)
            found[kind] = ""
        except EnvironmentProblem as e:
            found[kind] = str(e)
    return found


def has_bf16() -> bool:
    """Whether some engine here computes in bf16."""
    try:
        _openvino("bf16", 1)
    except EnvironmentProblem:
        return False
    return True
