"""Logits of a batch: whole, in windows, at several scales, flipped.

One implementation for validation in training, ``tools/val.py`` and ``tools/infer.py``.

As in PaddleSeg 2.8 (core/infer.py): windows lie on the same grid and average logits; scales and flips average
logits, each scale starting from the image. Averages of probabilities were tried and are no better (docs/migration.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import paddle

from ..errors import ConfigError
from ..layers import resize
from ..runtime import free_bytes
from .backend import as_backend
from .backend import logits_of as run_logits  # noqa: F401  (its former name and place)
from .options import InferenceOptions
from .plan import Plan, make_plan
from .windows import stream_windows

Infer = Callable[[paddle.Tensor], paddle.Tensor]


@paddle.no_grad()
def predict_logits(computes: Any, image, *, options: InferenceOptions | None = None) -> paddle.Tensor:
    """Logits of a batch.

    Args:
        computes: a :class:`~.backend.Backend`, a network in eval mode, or a function ``[N, C, H, W] -> logits``.
        image: ``[N, C, H, W]`` float tensor or array, normalised.

    Returns:
        ``[N, K, H, W]``.
    """
    options = options or InferenceOptions()
    x = as_tensor(image)
    return run_plan(computes, x, make_plan(computes, x.shape, options), options)


def run_plan(computes: Any, x: paddle.Tensor, plan: Plan, options: InferenceOptions) -> paddle.Tensor:
    """:func:`predict_logits` of what was decided."""
    infer = one_pass(computes)
    if plan.window is None:
        return averaged(infer, options)(x)
    if options.is_slide:  # windows of that size at every scale, as PaddleSeg
        return averaged(lambda y: _slide(infer, y, plan, options), options)(x)
    return _slide(averaged(infer, options), x, plan, options)


def as_tensor(image) -> paddle.Tensor:
    """A batch, however it came."""
    return image if isinstance(image, paddle.Tensor) else paddle.to_tensor(np.asarray(image))


def one_pass(computes: Any) -> Infer:
    """The logits of one pass, a tensor whatever computes."""
    backend = as_backend(computes)
    return lambda x: as_tensor(backend(x))


def averaged(infer: Infer, options: InferenceOptions) -> Infer:
    """``infer`` as it is, or with ``aug_eval`` averaged over scales and flips."""
    return (lambda x: _augmented(infer, x, options)) if options.aug_eval else infer


def slide(infer: Infer, fetch: Callable, size: tuple[int, int], emit: Callable, plan: Plan, batch: int) -> None:
    """The windows of a plan through a network: :func:`.windows.stream_windows`."""
    stream_windows(
        lambda tile: infer(paddle.to_tensor(tile)).numpy(),
        fetch,
        size,
        emit,
        window=plan.window,
        stride=plan.stride,
        taper=plan.taper,
        batch=batch,
        band_bytes=plan.band_bytes,
    )


def _slide(infer: Infer, x: paddle.Tensor, plan: Plan, options: InferenceOptions) -> paddle.Tensor:
    size = tuple(x.shape[2:])
    result: list[np.ndarray] = []

    def emit(block, y, left):
        if not result:
            result.append(np.empty((*block.shape[:2], *size), dtype=np.float32))
        result[0][:, :, y : y + block.shape[2], left : left + block.shape[3]] = block

    slide(infer, lambda y0, y1, x0, x1: x[:, :, y0:y1, x0:x1].numpy(), size, emit, plan, options.tile_batch)
    return paddle.to_tensor(result[0])


def _augmented(infer: Infer, x: paddle.Tensor, options: InferenceOptions) -> paddle.Tensor:
    """Logits averaged over scales and flips."""
    size = x.shape[2:]
    total: Any = 0.0
    count = 0
    for scale in options.scales:
        _check_scale(x, scale)
        scaled = resize(x, [max(1, int(side * scale + 0.5)) for side in size])
        for axes in flips(options):
            logits = infer(paddle.flip(scaled, axes) if axes else scaled)
            total = total + resize(paddle.flip(logits, axes) if axes else logits, size)
            count += 1
    return total / count


def _check_scale(x: paddle.Tensor, scale: float) -> None:
    """Refuse a scale that the memory cannot hold.

    Raises:
        ConfigError: with the numbers.
    """
    need, free = 8 * math.prod(x.shape) * scale**2, free_bytes()  # float32, and the flipped copy
    if scale > 1 and free is not None and need > free:
        height, width = (int(side) for side in x.shape[2:])
        raise ConfigError(
            f"scales: {scale:g} times {width} x {height} pixels take {need / 2**30:,.0f} GiB, and {free / 2**30:.1f} "
            "GiB are free. Choose smaller scales."
        )


def flips(options: InferenceOptions) -> Iterator[list[int]]:
    """Axes to flip, one list per pass: none, horizontal, vertical, both."""
    yield []
    if options.flip_horizontal:
        yield [3]
    if options.flip_vertical:
        yield [2]
        if options.flip_horizontal:
            yield [3, 2]
