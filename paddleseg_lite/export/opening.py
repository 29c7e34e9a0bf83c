"""An engine by its name, for a network or for a folder that was exported."""

from __future__ import annotations

from pathlib import Path

import paddle

from ..errors import ConfigError, EnvironmentProblem, nearest
from .backends import KINDS, PRECISIONS, DygraphEngine, Engine, OnnxEngine, _onnxruntime, _openvino
from .deploy import Deployment
from .source import NetworkSource


def load_engine(
    kind: str,
    model: paddle.nn.Layer | str | Path,
    *,
    precision: str = "fp32",
    threads: int | None = None,
    folder: str | Path | None = None,
) -> Engine:
    """Make an engine.

    Args:
        kind: one of :data:`KINDS` (``auto`` is :func:`~.auto.choose_engine`).
        model: a network, or a folder that ``tools/export.py`` wrote (then not ``dygraph``).
        precision: ``fp32`` or ``bf16``.
        threads: by default those of Paddle.
        folder: where a network's exports are kept; the cache by default.

    Raises:
        ConfigError: an unknown kind, or one that does not fit the model.
        EnvironmentProblem: the package is missing, or the chip does not compute in that precision.
    """
    if kind not in KINDS:
        raise ConfigError(f"engine '{kind}' is unknown.{nearest(kind, KINDS)} Known: {', '.join(KINDS)}, auto.")
    if precision not in PRECISIONS:
        raise ConfigError(f"precision '{precision}' is unknown to engines; one of {', '.join(PRECISIONS)}.")
    if precision == "bf16" and kind not in ("openvino", "dygraph"):
        raise EnvironmentProblem(f"the engine {kind} computes in fp32 only: openvino and dygraph know bf16.")
    if isinstance(model, (str, Path)):
        return Deployment.read(model).engine(kind, precision=precision, threads=threads)
    if kind == "dygraph":
        return DygraphEngine(model, precision)
    if kind == "static":
        from .static import StaticEngine

        return StaticEngine.of(model, threads=threads, folder=folder)
    runner = _openvino(precision, threads) if kind == "openvino" else _onnxruntime(threads)
    return OnnxEngine(f"{kind} {precision}", NetworkSource(model, folder), runner)
