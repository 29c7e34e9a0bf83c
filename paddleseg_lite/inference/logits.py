"""How a network is run on images: whole, in windows, at several scales, flipped, in batches.

One implementation for validation in training, ``tools/val.py`` and
``tools/infer.py``. ``forward`` is anything that turns ``[N, C, H, W]`` into
logits: a network in eval mode, or an exported engine.

As in PaddleSeg 2.8 (core/infer.py): windows lie on the same grid and average logits; scales and flips average
logits, each scale starting from the image (``aug_average: probabilities`` averages those instead).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F

from ..layers import resize
from ..models import Segmentor
from .class_ids import argmax_labels, label_dtype, labels_at_own_size
from .footprint import allowed_bytes, bytes_per_pixel
from .options import InferenceOptions
from .windows import stream_windows

_TINY = 1e-12  # keeps the logarithm of an averaged probability finite
_LARGEST_WINDOW = 1024  # of those chosen here: larger ones cost memory and gain nothing


@dataclass(frozen=True)
class Plan:
    """What was decided for one image size; ``window`` and ``stride`` are ``(h, w)``."""

    window: tuple[int, int] | None = None  # None: whole image
    stride: tuple[int, int] | None = None
    taper: bool = False
    band_bytes: int = 1 << 29


@paddle.no_grad()
def predict_logits(forward: Callable, image, *, options: InferenceOptions | None = None) -> paddle.Tensor:
    """Logits of a batch.

    Args:
        forward: ``[N, C, H, W] -> logits [N, K, H, W]``, or a dict with them as ``"out"``, or a sequence that
            starts with them.
        image: ``[N, C, H, W]`` float tensor or array, normalised.

    Returns:
        ``[N, K, H, W]``; of averaged probabilities the logarithm.
    """
    options = options or InferenceOptions()
    x = image if isinstance(image, paddle.Tensor) else paddle.to_tensor(np.asarray(image))
    plan = make_plan(forward, x, options)
    if not options.aug_eval:
        return run_logits(forward, x) if plan.window is None else _slide(forward, x, plan, options)
    if plan.window is None:
        return _augmented(lambda y: run_logits(forward, y), x, options)
    if options.is_slide:  # windows of that size at every scale, as PaddleSeg
        return _augmented(lambda y: _slide(forward, y, plan, options), x, options)
    return _slide(lambda y: _augmented(lambda z: run_logits(forward, z), y, options), x, plan, options)


@paddle.no_grad()
def predict_labels(
    forward: Callable,
    image,
    *,
    options: InferenceOptions | None = None,
    trans_info: Sequence = (),
    restore: Callable | None = None,
) -> np.ndarray:
    """Class ids of a batch, at the size the image had before its transforms.

    Args:
        forward, image, options: as for :func:`predict_logits`.
        trans_info: what the transforms recorded (``meta["trans_info"]``), the same for the batch.
        restore: undoes them on logits; :func:`paddleseg_lite.data.restore` unless given.

    Returns:
        ``[N, H, W]`` uint8 (int32 from 257 classes on).
    """
    options = options or InferenceOptions()
    x = image if isinstance(image, paddle.Tensor) else paddle.to_tensor(np.asarray(image))
    plan = make_plan(forward, x, options)
    if not trans_info and plan.window is not None and not (options.aug_eval and options.is_slide):
        infer = forward
        if options.aug_eval:
            infer = lambda y: _augmented(lambda z: run_logits(forward, z), y, options)  # noqa: E731
        fetch = lambda y0, y1, x0, x1: x[:, :, y0:y1, x0:x1].numpy()  # noqa: E731
        return _streamed_labels(infer, fetch, tuple(x.shape[2:]), plan, options)
    logits = predict_logits(forward, x, options=options)
    if restore is None and trans_info:
        from ..data import restore
    back = lambda z, info: restore(paddle.to_tensor(z), info)  # noqa: E731
    return labels_at_own_size(logits.numpy(), list(trans_info), back)


@paddle.no_grad()
def predict_picture(
    forward: Callable,
    picture: np.ndarray,
    prepare: Callable[[np.ndarray], np.ndarray],
    *,
    options: InferenceOptions | None = None,
) -> np.ndarray:
    """Class ids of one picture that is normalised window by window, never as a whole.

    For pictures so large that even their float copy is too much (8000x6000:
    576 MB), where the transforms are per pixel.

    Args:
        picture: ``[H, W, C]``, usually uint8; a memory map will do.
        prepare: ``[h, w, C]`` of any part ``-> float32 [h, w, C]`` as the network wants it.

    Returns:
        ``[H, W]`` uint8 (int32 from 257 classes on).
    """
    options = options or InferenceOptions()

    def fetch(y0, y1, x0, x1):
        return np.ascontiguousarray(prepare(picture[y0:y1, x0:x1]).transpose(2, 0, 1)[None], dtype=np.float32)

    height, width = picture.shape[:2]
    plan = make_plan(forward, fetch(0, 1, 0, 1), options, size=(height, width))
    if plan.window is None or (options.aug_eval and options.is_slide):
        return predict_labels(forward, fetch(0, height, 0, width), options=options)[0]
    infer = forward
    if options.aug_eval:
        infer = lambda y: _augmented(lambda z: run_logits(forward, z), y, options)  # noqa: E731
    return _streamed_labels(infer, fetch, (height, width), plan, options)[0]


def make_plan(forward: Callable, x, options: InferenceOptions, *, size: tuple[int, int] | None = None) -> Plan:
    """Decide between the whole image and windows, and their size.

    Args:
        x: the batch (or any batch of that many images and channels, with ``size`` given).
        size: ``(H, W)``; that of ``x`` unless given.
    """
    n, channels = int(x.shape[0]), int(x.shape[1])
    height, width = size or (int(x.shape[2]), int(x.shape[3]))
    limit = allowed_bytes(options.memory_limit)
    enlarged = max(1.0, *options.scales) ** 2 if options.aug_eval else 1.0
    window = None if options.crop_size is None else tuple(options.crop_size[::-1])
    if options.is_slide is False:
        return Plan()
    if options.is_slide is None or window is None:
        pixel = bytes_per_pixel(forward, channels, pixels=int(n * height * width * enlarged), limit=limit) * enlarged
        if options.is_slide is None and n * height * width * pixel <= limit:
            return Plan()
        if window is None:
            side = int((limit / 2 / (pixel * n * options.tile_batch)) ** 0.5) // 32 * 32
            window = (min(max(side, 128), _LARGEST_WINDOW),) * 2
    if options.stride is None:
        stride = tuple(max(1, w * 3 // 4) for w in window)
    else:  # a window chosen here may be smaller
        stride = tuple(min(s, w) for s, w in zip(options.stride[::-1], window))
    taper = options.taper if options.taper is not None else options.crop_size is None
    return Plan(window=window, stride=stride, taper=taper, band_bytes=limit // 8)


def run_logits(forward: Callable, x) -> paddle.Tensor:
    """One forward pass; whatever form the result has, its logits as a tensor.

    Of a :class:`~paddleseg_lite.models.Segmentor` its ``logits``, which are of the input's size.
    """
    out = forward.logits(x) if isinstance(forward, Segmentor) else forward(x)
    if isinstance(out, dict):
        out = out["out"]
    elif isinstance(out, (list, tuple)):
        out = out[0]
    out = out if isinstance(out, paddle.Tensor) else paddle.to_tensor(out)
    return out.astype("float32") if out.dtype in (paddle.float16, paddle.bfloat16) else out


def _stream(forward: Callable, fetch, size, emit, plan: Plan, options: InferenceOptions) -> None:
    """The windows of a plan through a network: :func:`.windows.stream_windows`."""
    stream_windows(
        lambda tile: run_logits(forward, paddle.to_tensor(tile)).numpy(),
        fetch,
        size,
        emit,
        window=plan.window,
        stride=plan.stride,
        taper=plan.taper,
        batch=options.tile_batch,
        band_bytes=plan.band_bytes,
    )


def _slide(forward: Callable, x, plan: Plan, options: InferenceOptions) -> paddle.Tensor:
    size = tuple(x.shape[2:])
    result: list[np.ndarray] = []

    def emit(block, y, left):
        if not result:
            result.append(np.empty((*block.shape[:2], *size), dtype=np.float32))
        result[0][:, :, y : y + block.shape[2], left : left + block.shape[3]] = block

    _stream(forward, lambda y0, y1, x0, x1: x[:, :, y0:y1, x0:x1].numpy(), size, emit, plan, options)
    return paddle.to_tensor(result[0])


def _streamed_labels(forward, fetch, size, plan: Plan, options: InferenceOptions) -> np.ndarray:
    result: list[np.ndarray] = []

    def emit(block, y, left):
        if not result:
            result.append(np.empty((block.shape[0], *size), dtype=label_dtype(block.shape[1])))
        result[0][:, y : y + block.shape[2], left : left + block.shape[3]] = argmax_labels(block)

    _stream(forward, fetch, size, emit, plan, options)
    return result[0]


def _augmented(infer: Callable, x, options: InferenceOptions) -> paddle.Tensor:
    """Logits averaged over scales and flips, or the logarithm of the averaged probabilities."""
    size = x.shape[2:]
    of_logits = options.aug_average == "logits"
    total: Any = 0.0
    count = 0
    for scale in options.scales:
        scaled = resize(x, [max(1, int(side * scale + 0.5)) for side in size])
        for axes in flips(options):
            logits = infer(paddle.flip(scaled, axes) if axes else scaled)
            logits = resize(paddle.flip(logits, axes) if axes else logits, size)
            total = total + (logits if of_logits else F.softmax(logits, axis=1))
            count += 1
    mean = total / count
    return mean if of_logits else paddle.log(paddle.clip(mean, min=_TINY))


def flips(options: InferenceOptions) -> Iterator[list[int]]:
    """Axes to flip, one list per pass: none, horizontal, vertical, both."""
    yield []
    if options.flip_horizontal:
        yield [3]
    if options.flip_vertical:
        yield [2]
        if options.flip_horizontal:
            yield [3, 2]
