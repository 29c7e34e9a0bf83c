"""``enable(model)`` and ``disable(model)``: oneDNN for a whole network, and back.

Every supported layer gets a ``forward`` of its own as an instance attribute.
Classes, parameters, names and ``state_dict`` stay as they are; a copied model
(``copy.deepcopy``) is accelerated like the original.
"""

from __future__ import annotations

import logging
import types
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

import paddle
from paddle import nn

from ..errors import EnvironmentProblem, instead, nearest
from ..layers import ConvBNAct
from ..layers.functional import running_kernels
from . import blocks, layers, loading
from .functions import running
from .layout import as_first
from .policy import MODES, Policy

logger = logging.getLogger("paddleseg_lite")

# the first class that matches decides
_STAND_INS = (
    (nn.Conv2D, layers.conv2d),
    (nn.Conv2DTranspose, layers.conv2d),
    (nn.BatchNorm2D, layers.batch_norm),
    (nn.ReLU, layers.relu),
    (nn.PReLU, layers.prelu),
    (nn.MaxPool2D, layers.max_pool),
    (nn.Dropout, layers.dropout),
    (nn.Dropout2D, layers.dropout),
    (ConvBNAct, blocks.conv_bn_act),
    (nn.Sequential, blocks.sequential),
)


@dataclass
class Report:
    """What :func:`enable` did.

    Attributes:
        mode: the mode in force; ``off`` where it had to step aside.
        reason: what was found, or why not.
        layers: how many layers of each class are accelerated.
    """

    mode: str
    reason: str
    layers: dict[str, int] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether anything is accelerated."""
        return self.mode != "off"

    def __str__(self) -> str:
        if not self.active:
            return f"cpu_accel off: {self.reason}"
        return f"cpu_accel {self.mode}: {', '.join(f'{n} {k}' for k, n in self.layers.items())}; {self.reason}"


def enable(model: nn.Layer, mode: str = "auto", *, eval_mode: str | None = None) -> Report:
    """Run the layers of ``model`` through oneDNN on the CPU.

    Args:
        mode: ``auto`` (fp32; per shape the faster of Paddle and oneDNN), ``fp32``,
            ``bf16`` (convolutions in bf16 arithmetic, all else fp32) or ``off``.
        eval_mode: the same for layers in eval mode; by default ``fp32`` arithmetic
            (``fp32`` for ``bf16``), so that validation does not depend on the mode.

    Returns:
        What was done. Where oneDNN cannot be used the model is left as it is and
        one line is logged.

    Raises:
        EnvironmentProblem: an unknown mode.
    """
    for name in (mode, eval_mode or mode):
        if name not in MODES:
            raise EnvironmentProblem(f"cpu_accel '{name}' is unknown: use {', '.join(MODES)}.{nearest(name, MODES)}")
    disable(model)
    if mode == "off" and eval_mode in (None, "off"):
        return Report("off", "not asked for")
    usable, reason = _usable(model)
    if not usable:
        logger.warning("%s", instead(f"cpu_accel {mode}", reason, "Paddle's own arithmetic"))
        return Report("off", reason)
    if "bf16" in (mode, eval_mode) and not loading.has_bf16():
        why = "this processor has neither AVX512-BF16 nor AMX"
        logger.warning("%s", instead("cpu_accel bf16", why, "fp32"))
        mode, eval_mode = ("fp32" if m == "bf16" else m for m in (mode, eval_mode))
    policy = Policy(mode, eval_mode or ("fp32" if mode == "bf16" else mode))
    counts: Counter = Counter()
    for layer in model.sublayers(include_self=True):
        stand_in = _stand_in(layer)
        if stand_in is not None:
            layer._accel = policy
            layer.forward = types.MethodType(stand_in, layer)
            counts[type(layer).__name__] += 1
    model._accel_root = policy
    model._accel_inner = model.__dict__.get("forward")
    model.forward = types.MethodType(_root, model)
    return Report(mode, reason, dict(counts))


def disable(model: nn.Layer) -> None:
    """Give every layer its own ``forward`` back."""
    for layer in model.sublayers(include_self=True):
        for name in ("_accel", "_accel_root", "_accel_inner", "_accel_geometry"):
            layer.__dict__.pop(name, None)
        own = layer.__dict__.get("forward")
        if isinstance(own, types.MethodType) and own.__func__.__module__.startswith(__package__ + "."):
            del layer.__dict__["forward"]


@contextmanager
def disabled(model: nn.Layer):
    """Paddle's own kernels for a while: for export, or for the number of record."""
    policy = model.__dict__.get("_accel_root")
    disable(model)
    try:
        yield model
    finally:
        if policy is not None:
            enable(model, policy.mode, eval_mode=policy.eval_mode)


@contextmanager
def evaluating(model: nn.Layer, mode: str):
    """Another arithmetic (``fp32`` or ``bf16``) in eval mode for a while; accelerates the model if need be."""
    if "_accel_root" not in model.__dict__:
        enable(model, "fp32")
    policy = model.__dict__.get("_accel_root")
    before = policy and policy.eval_mode
    if policy:
        policy.eval_mode = mode
    try:
        yield model
    finally:
        if policy:
            policy.eval_mode = before


def _usable(model: nn.Layer) -> tuple[bool, str]:
    parameter = next(iter(model.parameters()), None)
    if parameter is not None and not parameter.place.is_cpu_place():
        return False, f"the model is on {parameter.place}"
    return loading.available()


def _stand_in(layer: nn.Layer):
    if "forward" in layer.__dict__:  # someone else's
        return None
    for kind, function in _STAND_INS:
        if isinstance(layer, kind):
            return function if type(layer).forward in _own_forwards(kind) else None
    return None


def _own_forwards(kind):
    """``forward`` functions that the stand-in of ``kind`` is known to equal."""
    from ..layers import BatchNorm

    return [kind.forward, BatchNorm.forward] if kind is nn.BatchNorm2D else [kind.forward]


def _root(self, *args, **kwargs):
    """Forward of an accelerated model: its own, with the kernels of :mod:`.functions`."""
    inner = self.__dict__.get("_accel_inner")
    call = inner if inner is not None else types.MethodType(type(self).forward, self)
    policy = self._accel_root
    if not paddle.in_dynamic_mode() or policy.of(self) == "off":
        with running(None):
            return call(*args, **kwargs)
    nested = running_kernels() is not None
    with running(policy):
        outputs = call(*args, **kwargs)
    return outputs if nested else _ordinary(outputs)


def _ordinary(outputs):
    """Outputs in Paddle's own order of memory, whatever container they come in."""
    if isinstance(outputs, paddle.Tensor):
        return as_first(outputs)
    if isinstance(outputs, dict):
        return {name: _ordinary(value) for name, value in outputs.items()}
    if type(outputs) in (list, tuple):
        return type(outputs)(_ordinary(value) for value in outputs)
    return outputs
