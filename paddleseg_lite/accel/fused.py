"""Convolution, batch normalisation, activation and dropout of channels as one node of the autograd graph.

Apart, each would keep its input for the backward pass and cost a node of its own. Together the normalised map
in front of a PReLU goes, and is computed once more when its gradient is due (a pass over what is in the cache
anyhow), and dropout scales in place. The results are those of the parts, bit for bit.
"""

from __future__ import annotations

from typing import NamedTuple

from paddle.autograd import PyLayer

from . import conv, norm, pointwise, prelu
from .geometry import Geometry
from .layout import to_last
from .pointwise import mark
from .primitive import cached


class Unit(NamedTuple):
    """What such a unit is, but for its tensors.

    Attributes:
        bias, affine: whether the convolution has a bias, and the normalisation scale and shift.
        fixed: whether running statistics are used in place of the batch's.
        act: ``"relu"``, ``"prelu"`` or ``None``.
    """

    geometry: Geometry
    math: str
    bias: bool
    affine: bool
    epsilon: float
    fixed: bool
    act: str | None


class Plan:
    """The passes of a unit, compiled.

    Raises:
        DnnlError: oneDNN does not know one of them.
    """

    def __init__(self, unit: Unit):
        g = unit.geometry
        shape = (g.batch, g.out_channels, *g.out)
        self.convolution = conv.plan(g, unit.math, bias=unit.bias)
        options = {"fixed": unit.fixed, "affine": unit.affine, "relu": unit.act == "relu", "train": True}
        self.norm = norm.plan(shape, unit.epsilon, **options)
        self.rectifies = unit.act == "relu" and not self.norm.fast  # in a pass of its own, which is the faster way
        if self.rectifies:
            self.norm = norm.plan(shape, unit.epsilon, **{**options, "relu": False})
        if unit.act == "prelu":
            self.again = norm.plan(shape, unit.epsilon, **{**options, "fixed": True, "train": False})
            prelu.plan(shape)


def plan(unit: Unit) -> Plan:
    """This thread's plan."""
    return cached(unit, lambda: Plan(unit))


class _Unit(PyLayer):
    @staticmethod
    def forward(ctx, x, weight, bias, scale, shift, slopes, unit, running, rate):
        p = plan(unit)
        xl = to_last(x, p.convolution.dtype)
        ctx.raw, y, ctx.statistics, ctx.workspace = norm.forward(
            p.norm, p.convolution.forward(xl, weight, bias), scale, shift, running
        )
        if slopes is not None:
            _, y = prelu.forward(y, slopes)
        elif p.rectifies:
            pointwise.rectified(y, into=y)
        ctx.factors = pointwise.channel_factors(y.shape[:2], rate) if rate else None
        if rate:
            pointwise.scaled(y, ctx.factors, into=y)
        ctx.unit = unit
        ctx.needs = [not t.stop_gradient for t in (x, weight, bias, scale, shift, slopes) if t is not None]
        ctx.converted = None if xl is x else xl
        kept = (x if xl is x else None, weight, scale, shift, slopes, y if p.rectifies else None)
        ctx.kept = [t is not None for t in kept]
        ctx.save_for_backward(*(t for t in kept if t is not None))
        return y

    @staticmethod
    def backward(ctx, dy):
        saved, unit = iter(ctx.saved_tensor()), ctx.unit
        x, weight, scale, shift, slopes, y = (next(saved) if kept else None for kept in ctx.kept)
        p = plan(unit)
        if ctx.factors is not None:
            dy = pointwise.scaled(dy, ctx.factors)
        if y is not None:
            dy = pointwise.rectified_gradient(y, dy)
        elif slopes is not None:
            used = norm.Running(*ctx.statistics, 1.0)
            _, normal, _, _ = norm.forward(p.again, ctx.raw, scale, shift, used)
            dy, dslopes = prelu.gradients(normal, slopes, dy)
        draw, *rest = norm.gradients(p.norm, ctx.raw, dy, ctx.statistics, scale, ctx.workspace)
        count = 2 + unit.bias
        grads: list = [None] * count
        if any(ctx.needs[:count]):
            x = ctx.converted if x is None else x
            grads = conv.gradients(p.convolution, x, draw, weight, ctx.needs[:count])
        grads += rest if unit.affine else []
        grads += [dslopes] if slopes is not None else []
        return tuple(g if needed else None for g, needed in zip(grads, ctx.needs))


def run(unit: Unit, running: norm.Running, rate: float, x, weight, bias, scale, shift, slopes):
    """The unit on ``x [N, C, H, W]``, with gradients; ``None`` where none of the tensors has one.

    Args:
        running: the running statistics of the normalisation.
        rate: of the dropout; 0 for none.

    Raises:
        DnnlError: oneDNN does not know one of the passes; nothing has happened then.
    """
    if all(t is None or t.stop_gradient for t in (x, weight, bias, scale, shift, slopes)):
        return None
    plan(unit)
    return mark(_Unit.apply(x, weight, bias, scale, shift, slopes, unit, running, rate))
