"""The oneDNN kernels of one model for :mod:`paddleseg_lite.layers.functional`: concatenation, sums, resize and more.

Without them a network would fall back to Paddle's order of memory at every
concatenation or residual sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paddle
from paddle import nn

from ..layers.functional import relu, use_kernels
from . import concat, layers, pointwise, pool, resize, unpool
from .branch import take
from .dnnl import DnnlError
from .layout import qualifies
from .policy import Policy

_WINDOW, _PADS = (2, 2), (0, 0, 0, 0)


@contextmanager
def running(policy: Policy | None) -> Iterator[None]:
    """The functions by a model's kernels on this thread (``None``: by Paddle)."""
    with use_kernels(None if policy is None else Functions(policy)):
        yield


class Functions:
    """What :class:`~paddleseg_lite.layers.functional.Kernels` asks for; ``None`` for what is not a map of ours.

    Args:
        policy: of the model whose forward is running.
    """

    def __init__(self, policy: Policy):
        self.policy = policy

    def add(self, x, y, act=None):
        if not (_is_map(x) and _is_map(y)) or x.shape != y.shape:
            return None
        if not (pointwise.worth_it(x) or pointwise.worth_it(y)):
            return None
        rectifies = act is relu or (layers.ours(act, nn.ReLU) and act._accel.of(act) != "off")
        z = self._unless_refused("sum", lambda: pointwise.add(take(x), take(y), relu=rectifies))
        return z if z is None or act is None or rectifies else act(z)

    def relu(self, x):
        return self._unless_refused("relu", lambda: pointwise.relu(x)) if _in_our_order(x) else None

    def concat(self, maps):
        if not all(_is_map(t) for t in maps) or not any(pointwise.worth_it(t) for t in maps):
            return None
        if any(t.shape[0] != maps[0].shape[0] or t.shape[2:] != maps[0].shape[2:] for t in maps):
            return None  # Paddle has the error message
        return self._unless_refused("concat", lambda: concat.concat([take(t) for t in maps]))

    def spatial_mean(self, x):
        return self._unless_refused("mean", lambda: pool.mean(take(x))) if _in_our_order(x) else None

    def interpolate(self, x, size=None, *, scale_factor=None, align_corners=False, half_pixel=True):
        if not _is_map(x) or not (half_pixel or align_corners):
            return None
        if size is None:
            size = [side * scale_factor for side in x.shape[2:]]
            if any(side != int(side) for side in size):
                return None  # Paddle then samples by the factor, not by the ratio of the sizes
        target = [int(side) for side in size]
        return self._unless_refused("resize", lambda: resize.bilinear(take(x), target, align_corners=align_corners))

    def max_pool_2x2(self, x, *, ceil_mode=False):
        if not _in_our_order(x):
            return None
        options = {"ceil_mode": ceil_mode, "return_mask": True}
        return self._unless_refused("max_pool", lambda: pool.max_pool(take(x), _WINDOW, _WINDOW, _PADS, **options))

    def max_unpool_2x2(self, x, indices, output_size):
        winners = getattr(indices, "_accel_winners", None)  # of a map that was pooled here
        if winners is None or not _is_map(x) or winners.window[:3] != (_WINDOW, _WINDOW, _PADS):
            return None
        if [int(s) for s in output_size] != list(winners.shape[2:]):
            return None
        return self._unless_refused("max_unpool", lambda: unpool.max_unpool(take(x), winners))

    def _unless_refused(self, what: str, kernel: Callable):
        """What a kernel gives, ``None`` where oneDNN does not know the case."""
        try:
            return kernel()
        except DnnlError as e:
            self.policy.step_aside(what, e)
            return None


def _is_map(x) -> bool:
    return isinstance(x, paddle.Tensor) and x.ndim == 4 and qualifies(x) and 0 not in x.shape


def _in_our_order(x) -> bool:
    return _is_map(x) and pointwise.worth_it(x)
