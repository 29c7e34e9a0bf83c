"""Ways to run a network, one interface: ``open_backend("dygraph:bf16", model, shape)`` gives ``f(image)``.

A way is written ``backend:precision``. ``dygraph:off`` is Paddle's own kernels, ``dygraph:fp32`` and
``dygraph:bf16`` our oneDNN layers (:mod:`paddleseg_lite.accel`); ``static``, ``openvino`` and
``onnxruntime`` are the backends of :mod:`paddleseg_lite.export.backends`, ``auto`` the fastest of all that agrees.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence

import paddle

from .. import accel
from ..errors import ConfigError, EnvironmentProblem, nearest
from ..export import backends as exported
from ..export import choose_backend, load_backend
from ..inference.backend import as_backend
from ..registry import BACKENDS
from .subject import synchronize

logger = logging.getLogger("paddleseg_lite")

Opener = Callable[..., Callable]


def open_dygraph(model, *, precision: str, shape: Sequence[int]) -> Callable:
    """A copy of the network in eval mode on the kernels asked for."""
    if precision not in ("off", "fp32", "bf16", "auto"):
        raise ConfigError(f"dygraph:{precision}: dygraph runs as off (Paddle's own kernels), fp32, bf16 or auto.")
    if precision == "bf16" and not accel.has_bf16():
        raise EnvironmentProblem("this processor has no bf16 arithmetic.")
    own = copy.deepcopy(model)
    own.eval()
    if precision != "off":
        done = accel.enable(own, precision, eval_mode=precision)
        if not done.active:
            raise EnvironmentProblem(done.reason)
    return own


def open_exported(kind: str) -> Opener:
    """Opens one of the backends of :mod:`paddleseg_lite.export.backends`, on as many threads as Paddle has."""

    def opener(model, *, precision: str, shape: Sequence[int]) -> Callable:
        own = copy.deepcopy(model)
        own.eval()
        if kind != "auto":
            return load_backend(kind, own, precision=precision)
        choice = choose_backend(own, precision=precision, probe=paddle.randn(list(shape)).numpy())
        logger.info("%s", choice.reason)
        return choice.backend

    return opener


def openers() -> dict[str, Opener]:
    """Backends by name; whether one is installed shows when it is opened."""
    return {"dygraph": open_dygraph, **{k: open_exported(k) for k in (*BACKENDS.names(), "auto") if k != "dygraph"}}


def default_backends() -> list[str]:
    """What is compared unless asked otherwise: Paddle's kernels, ours, and the optional backends that are installed."""
    chosen = ["dygraph:off"]
    if not paddle.get_device().startswith("gpu") and accel.available()[0]:
        chosen += ["dygraph:fp32", *(["dygraph:bf16"] if accel.has_bf16() else [])]
    installed = [kind for kind, missing in exported.available().items() if not missing]
    if "openvino" in installed:
        chosen += ["openvino:fp32", *(["openvino:bf16"] if exported.has_bf16() else [])]
    return [*chosen, *(["onnxruntime:fp32"] if "onnxruntime" in installed else [])]


def split(way: str) -> tuple[str, str]:
    """``backend:precision`` -> both; fp32 where there is only a backend."""
    backend, _, precision = way.partition(":")
    return backend, precision or "fp32"


def check_ways(ways: Sequence[str]) -> None:
    """Refuse backends that do not exist before anything is built."""
    known = openers()
    for way in ways:
        name = split(way)[0]
        if name not in known:
            raise ConfigError(
                f"--backends {way}: no such backend here.{nearest(name, known)} Known: {', '.join(known)}."
            )


def open_backend(way: str, model, shape: Sequence[int]) -> Callable[[paddle.Tensor], paddle.Tensor]:
    """``f(image [N, C, H, W]) -> logits``, finished when it returns.

    Raises:
        UserError: the backend cannot run this network here; the message says why.
    """
    backend, precision = split(way)
    run_once = as_backend(openers()[backend](model, precision=precision, shape=tuple(shape)))

    def run(image):
        with paddle.no_grad():
            logits = run_once(image)
            synchronize()
        return logits

    return run


def arithmetic(way: str) -> str:
    """The precision whose peak a way is held against."""
    return "bf16" if split(way)[1] == "bf16" else "fp32"
