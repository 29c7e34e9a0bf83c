"""What computes logits: the :class:`Backend` protocol, and Paddle's own.

Backends for other runtimes are registered by name (``BACKENDS``) in :mod:`paddleseg_lite.export`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol, Union, runtime_checkable

import numpy as np
import paddle
from paddle import Tensor, nn

from .. import accel
from ..errors import EnvironmentProblem, instead
from ..models import Segmentor
from ..runtime import tidy_memory

Array = Union[np.ndarray, Tensor]
_HALF = {"fp16": "float16", "bf16": "bfloat16"}


@runtime_checkable
class Backend(Protocol):
    """What computes logits. A class that derives from it need only say what differs.

    Attributes:
        name: for logs and reports, ``"openvino bf16"``.
        num_classes: K; ``None`` where only a result will tell.
        bytes_per_pixel: memory of a run per input pixel; 0 where unknown.
        overlaps: whether Python can go on in another thread while it computes.
    """

    name: str
    num_classes: int | None = None
    bytes_per_pixel: float = 0.0
    overlaps: bool = False

    def __call__(self, image: Array) -> Array:
        """``image [N, C, H, W]`` float32 ``-> logits [N, K, H, W]`` float32, an array, or a tensor for a tensor."""


class PaddleBackend(Backend):
    """The network itself; in fp32 the number of record.

    Args:
        network: in eval mode; a :class:`~paddleseg_lite.models.Segmentor`, or any layer that gives logits, a dict
            with them as ``"out"``, or a sequence that starts with them.
        precision: ``bf16`` on a CPU: convolutions compute in it, by the oneDNN kernels of accel; ``bf16`` or ``fp16``
            on a GPU: autocast (untested there).
        amp_level: of the autocast, ``O1`` or ``O2``.

    Raises:
        EnvironmentProblem: nothing computes in that precision here.
    """

    def __init__(self, network: nn.Layer, precision: str = "fp32", *, amp_level: str = "O1"):
        if precision != "fp32" and not on_gpu():
            usable, reason = accel.available()
            if precision != "bf16" or not usable or not accel.has_bf16():
                why = reason if not usable else f"this processor has no {precision} arithmetic"
                raise EnvironmentProblem(f"dygraph does not compute in {precision} here: {why}.")
        self.network, self.precision, self.amp_level = network, precision, amp_level
        self.name = f"dygraph {precision}"
        self._calls, self._training = 0, False
        self.num_classes = network.num_classes if isinstance(network, Segmentor) else None

    @classmethod
    def as_trained(cls, network: nn.Layer, precision: str, amp_level: str) -> PaddleBackend:
        """In the precision of a recipe on a GPU; on a CPU in fp32, as validation during training."""
        backend = cls(network, precision if on_gpu() else "fp32", amp_level=amp_level)
        backend._training = True  # whose next step wants the memory back
        return backend

    def __call__(self, image: Array) -> Array:
        with paddle.no_grad(), self._arithmetic():
            logits = logits_of(self.network, _tensor(image))
        self._calls += 1
        if not self._training:
            tidy_memory(self._calls)
        return logits if isinstance(image, Tensor) else logits.numpy()

    def _arithmetic(self) -> Any:
        if self.precision == "fp32":
            return contextlib.nullcontext()
        if on_gpu():
            return paddle.amp.auto_cast(level=self.amp_level, dtype=_HALF[self.precision])
        return accel.evaluating(self.network, self.precision)


class FunctionBackend(Backend):
    """Any function ``image tensor [N, C, H, W] -> logits``, in the forms that :func:`logits_of` knows."""

    name = "own function"

    def __init__(self, function: Callable[[Tensor], Any]):
        self.function = function

    def __call__(self, image: Array) -> Tensor:
        return logits_of(self.function, _tensor(image))


def as_backend(computes: Any) -> Backend:
    """What computes logits, as a backend: itself, a network in eval mode, or a function."""
    if isinstance(computes, nn.Layer):
        return PaddleBackend(computes)
    return computes if isinstance(computes, Backend) else FunctionBackend(computes)


def logits_of(forward: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """One pass; whatever form the result has, its logits as a float32 tensor.

    Of a :class:`~paddleseg_lite.models.Segmentor` its ``logits``, which are of the input's size.
    """
    out = forward.logits(x) if isinstance(forward, Segmentor) else forward(x)
    if isinstance(out, dict):
        out = out["out"]
    elif isinstance(out, (list, tuple)):
        out = out[0]
    out = _tensor(out)
    return out.astype("float32") if out.dtype in (paddle.float16, paddle.bfloat16) else out


def precision_here(precision: str, note: Callable[[str], None]) -> str:
    """The precision that is computed in where ``precision`` is asked for; ``note`` hears what is different."""
    if precision == "fp32" or on_gpu():
        return precision
    if precision == "fp16":
        note(instead("precision fp16", "CPUs have no fp16 arithmetic", "fp32"))
        return "fp32"
    if not accel.has_bf16():
        note(instead("precision bf16", "this processor has neither AVX512-BF16 nor AMX", "fp32"))
        return "fp32"
    note("precision bf16: on a CPU convolutions multiply in bf16; all else, and the weights, is in fp32.")
    return precision


def on_gpu() -> bool:
    """Whether Paddle computes on a GPU now."""
    return paddle.get_device().startswith("gpu")


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else paddle.to_tensor(np.asarray(x))
