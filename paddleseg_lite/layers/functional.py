"""Functions of feature maps for which a model may bring kernels of its own.

Each is Paddle's function of that name, unless the model whose forward is running
on this thread brought :class:`Kernels` that take the case (``accel`` does, on
CPUs). A network that calls Paddle's functions instead computes the same; only
its maps are then converted from one order of memory to another at each of them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import paddle
import paddle.nn.functional as F
from paddle import Tensor


class Kernels(Protocol):
    """A method for each function of this module: the result, or ``None`` where Paddle shall compute it."""

    def add(self, x: Tensor, y: Tensor, act: Callable[[Tensor], Tensor] | None = None) -> Tensor | None: ...

    def relu(self, x: Tensor) -> Tensor | None: ...

    def concat(self, maps: Sequence[Tensor]) -> Tensor | None: ...

    def spatial_mean(self, x: Tensor) -> Tensor | None: ...

    def interpolate(
        self,
        x: Tensor,
        size: Sequence[int] | None = None,
        *,
        scale_factor: float | None = None,
        align_corners: bool = False,
        half_pixel: bool = True,
    ) -> Tensor | None: ...

    def max_pool_2x2(self, x: Tensor, *, ceil_mode: bool = False) -> tuple[Tensor, Tensor] | None: ...

    def max_unpool_2x2(self, x: Tensor, indices: Tensor, output_size: Sequence[int]) -> Tensor | None: ...


class _Running(threading.local):
    kernels: Kernels | None = None


_running = _Running()


def running_kernels() -> Kernels | None:
    """The kernels of the model whose forward is running on this thread."""
    return _running.kernels


@contextmanager
def use_kernels(kernels: Kernels | None) -> Iterator[None]:
    """Compute the functions of this module by ``kernels`` on this thread; by Paddle with ``None``."""
    before, _running.kernels = _running.kernels, kernels
    try:
        yield
    finally:
        _running.kernels = before


_Function = TypeVar("_Function", bound=Callable)


def _by_kernels(own: _Function) -> _Function:
    """A function that the kernels in force may take over."""

    @paddle.jit.not_to_static  # to_static would translate the source of this and lose the keywords
    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        kernels = _running.kernels
        result = None if kernels is None else getattr(kernels, own.__name__)(*args, **kwargs)
        return own(*args, **kwargs) if result is None else result

    # Paddle's translation to a static graph loses keyword-only arguments; the functions here need none of it.
    return cast(_Function, paddle.jit.not_to_static(function))


@_by_kernels
def add(x: Tensor, y: Tensor, act: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """``act(x + y)``; ``act`` is an activation layer, :func:`relu`, or nothing."""
    z = x + y
    return z if act is None else act(z)


@_by_kernels
def relu(x: Tensor) -> Tensor:
    """``max(x, 0)``."""
    return F.relu(x)


@_by_kernels
def concat(maps: Sequence[Tensor]) -> Tensor:
    """Maps ``[N, C_i, H, W]`` as one of ``sum(C_i)`` channels."""
    return paddle.concat(maps, axis=1)


@_by_kernels
def spatial_mean(x: Tensor) -> Tensor:
    """Mean over all places, ``[N, C, H, W] -> [N, C, 1, 1]``."""
    return x.mean([2, 3], keepdim=True)


@_by_kernels
def interpolate(
    x: Tensor,
    size: Sequence[int] | None = None,
    *,
    scale_factor: float | None = None,
    align_corners: bool = False,
    half_pixel: bool = True,
) -> Tensor:
    """Bilinear resize to ``size = (h, w)`` or by a factor; what is sampled is told at :func:`.upsample.resize`."""
    mode = 0 if half_pixel else 1
    return F.interpolate(x, size, scale_factor, mode="bilinear", align_corners=align_corners, align_mode=mode)


@_by_kernels
def max_pool_2x2(x: Tensor, *, ceil_mode: bool = False) -> tuple[Tensor, Tensor]:
    """Max-pooling of stride 2: the maxima ``[N, C, h, w]`` and their flat positions over H * W."""
    y, indices = F.max_pool2d(x, 2, 2, return_mask=True, ceil_mode=ceil_mode)
    return y, indices


@_by_kernels
def max_unpool_2x2(x: Tensor, indices: Tensor, output_size: Sequence[int]) -> Tensor:
    """Put each value of ``x [N, C, h, w]`` back where 2 x 2 / 2 max-pooling took it from; zeros elsewhere.

    Args:
        x: pooled values.
        indices: flat positions over H * W from :func:`max_pool_2x2`, pooled by floor or by ceil.
        output_size: ``(H, W)`` of the map before pooling, odd sizes included.
    """
    return F.max_unpool2d(x, indices, 2, 2, output_size=[*x.shape[:2], *(int(s) for s in output_size)])
