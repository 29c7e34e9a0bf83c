"""The tab Look inside, for any network: a pixel's probabilities, its receptive field, the branches that fed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from ..accel import disabled
from ..data import restore
from ..errors import DataError
from ..inference.backend import logits_of
from ..inference.class_ids import argmax_labels
from ..inference.predictor import Loaded
from ..inference.reduced import as_batch, fit
from ..layers import ASPP, PyramidPooling

SIDE = 512  # pixels; a larger picture is reduced before it is looked into

Box = tuple[float, float, float, float]  # top, left, bottom, right in pixels of the picture


@dataclass(frozen=True)
class Scene:
    """A picture as a network sees it, as a whole.

    Attributes:
        image: uint8 ``[H, W, C]``, reduced to :data:`SIDE`.
        batch: ``[1, C, h, w]``, what the network is given.
        trans_info: the resizes and paddings between the two.
    """

    image: np.ndarray
    batch: Tensor
    trans_info: list[Any]

    @property
    def size(self) -> tuple[int, int]:
        """``(H, W)`` of the picture."""
        return self.image.shape[0], self.image.shape[1]

    def cell(self, y: int, x: int, height: int, width: int) -> tuple[int, int]:
        """Where a pixel of the picture lies on a map ``height x width`` of the network's input."""
        row, column = self._to_input(y + 0.5, x + 0.5)
        h, w = self.batch.shape[2:]
        return min(int(row * height / h), height - 1), min(int(column * width / w), width - 1)

    def box(self, top: float, left: float, bottom: float, right: float, height: int, width: int) -> Box:
        """Cells of such a map as a box of the picture, cut at its edges."""
        h, w = self.batch.shape[2:]
        scale_y, scale_x = self._scale()
        box = (top * h / height / scale_y, left * w / width / scale_x)
        end = (bottom * h / height / scale_y, right * w / width / scale_x)
        return (*box, min(end[0], self.size[0]), min(end[1], self.size[1]))

    def on_picture(self, values: np.ndarray) -> np.ndarray:
        """A map ``[h', w']`` over the input as one over the picture, ``[H, W]``."""
        planes = np.ascontiguousarray(values, np.float32)
        whole = cv2.resize(planes, tuple(int(s) for s in self.batch.shape[:1:-1]), interpolation=cv2.INTER_NEAREST)
        return restore(whole[None, None], self.trans_info)[0, 0]

    def labels(self, logits: Tensor) -> np.ndarray:
        """Class ids ``[H, W]`` of the picture from logits ``[1, K, h, w]``."""
        return restore(argmax_labels(logits.numpy())[0], self.trans_info)

    def _scale(self) -> tuple[float, float]:
        """Pixels of the input to one of the picture; paddings lie right and below and change nothing."""
        scale, sizes = [1.0, 1.0], [size for _, size in self.trans_info] + [tuple(self.batch.shape[2:])]
        for (kind, before), after in zip(self.trans_info, sizes[1:]):
            if kind == "resize":
                scale = [s * a / b for s, a, b in zip(scale, after, before)]
        return scale[0], scale[1]

    def _to_input(self, row: float, column: float) -> tuple[float, float]:
        scale_y, scale_x = self._scale()
        return row * scale_y, column * scale_x


def scene(loaded: Loaded, image: np.ndarray) -> Scene:
    """A picture uint8 ``[H, W, C]`` made ready to be looked into."""
    small = fit(image, SIDE)
    sample = loaded.sample(small)[0]
    return Scene(small, as_batch(sample), list(sample["meta"]["trans_info"]))


def check_pixel(looked: Scene, y: int, x: int) -> None:
    """Raise DataError where the picture has no such pixel."""
    if not (0 <= y < looked.size[0] and 0 <= x < looked.size[1]):
        raise DataError(f"the picture has {looked.size[1]} x {looked.size[0]} pixels, and none at ({x}, {y}).")


def pixel_of(looked: Scene, logits: Tensor, y: int, x: int) -> Tensor:
    """``[N, K]`` of logits ``[N, K, h, w]`` at a pixel of the picture."""
    row, column = looked.cell(y, x, *logits.shape[2:])
    return logits[:, :, row, column]


@paddle.no_grad()
def probabilities(loaded: Loaded, looked: Scene, y: int, x: int) -> np.ndarray:
    """Probability of each class ``[K]`` at a pixel of the picture."""
    check_pixel(looked, y, x)
    return F.softmax(pixel_of(looked, logits_of(loaded.model, looked.batch), y, x), axis=1).numpy()[0]


@dataclass(frozen=True)
class Field:
    """Where a pixel's score comes from.

    Attributes:
        strength: ``[H, W]``, sum over the channels of |d logit / d picture|, largest 1.
        radii: for shares of the whole gradient, the distance (Chebyshev, in pixels) that holds them.
        class_id: whose logit.
    """

    strength: np.ndarray
    radii: dict[float, int]
    class_id: int


def receptive_field(loaded: Loaded, looked: Scene, y: int, x: int, class_id: int | None = None) -> Field:
    """Effective receptive field of a pixel, by the gradient of a logit (its most probable class unless told)."""
    check_pixel(looked, y, x)
    batch = looked.batch.clone()
    batch.stop_gradient = False
    with disabled(loaded.model):  # Paddle's own kernels: the gradient by the picture alone
        at_pixel = pixel_of(looked, logits_of(loaded.model, batch), y, x)[0]
        chosen = int(at_pixel.argmax()) if class_id is None else class_id
        gradient = paddle.grad(at_pixel[chosen], batch)[0].abs().sum(1).numpy()[0]
    strength = looked.on_picture(gradient)
    rows, columns = np.ogrid[: looked.size[0], : looked.size[1]]
    distance = np.maximum(np.abs(rows - y), np.abs(columns - x))
    within = np.cumsum(np.bincount(distance.ravel(), weights=strength.ravel().astype(np.float64)))
    total = max(float(within[-1]), 1e-30)
    radii = {share: int(np.searchsorted(within, share * total)) for share in (0.5, 0.9, 0.99)}
    return Field(strength / max(float(strength.max()), 1e-30), radii, chosen)


@dataclass(frozen=True)
class Branch:
    """One branch of a pyramid, as it feeds a pixel.

    Attributes:
        name: ``bins 6 x 6``, ``rate 12``, ...
        boxes: what the pixel gets from it is made of these parts of the picture ...
        weights: ... in these shares.
        without: the probabilities ``[K]`` when the branch is silent.
    """

    name: str
    boxes: list[Box]
    weights: list[float]
    without: np.ndarray


def find_pyramids(model: nn.Layer) -> list[nn.Layer]:
    """Pyramid poolings and ASPPs of a network."""
    return [layer for layer in model.sublayers() if isinstance(layer, (PyramidPooling, ASPP))]


@paddle.no_grad()
def branches(loaded: Loaded, looked: Scene, y: int, x: int, pyramid: nn.Layer) -> list[Branch]:
    """What each branch of a pyramid feeds a pixel of the picture, and what becomes of the pixel without it."""
    check_pixel(looked, y, x)
    sizes: list[tuple[int, int]] = []
    with hooked(pyramid, lambda layer, given, made: sizes.append(tuple(given[0].shape[2:]))):
        logits_of(loaded.model, looked.batch)
    height, width = sizes[-1]
    row, column = looked.cell(y, x, height, width)
    parts = _bins(pyramid) if isinstance(pyramid, PyramidPooling) else _rates(pyramid)
    found = []
    for name, layer, places in parts:
        with hooked(layer, lambda layer, given, made: paddle.zeros_like(made)):
            without = probabilities(loaded, looked, y, x)
        boxes, weights = [], []
        for (top, left, bottom, right), weight in places(row, column, height, width):
            boxes.append(looked.box(top, left, bottom, right, height, width))
            weights.append(weight)
        found.append(Branch(name, boxes, weights, without))
    return found


@contextmanager
def hooked(layer: nn.Layer, hook: Callable[..., Any]) -> Iterator[None]:
    """A forward hook (``layer, inputs, output -> new output or None``) for a while."""
    handle = layer.register_forward_post_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _bins(pyramid: PyramidPooling) -> Iterator[tuple[str, nn.Layer, Callable[..., Any]]]:
    def places(bins: int) -> Callable[..., Any]:
        def of(row: int, column: int, height: int, width: int) -> Iterator[tuple[Box, float]]:
            for i, share_y in _taps(row, height, bins, pyramid.align_corners):
                for j, share_x in _taps(column, width, bins, pyramid.align_corners):
                    top, bottom = i * height // bins, -(-(i + 1) * height // bins)
                    left, right = j * width // bins, -(-(j + 1) * width // bins)
                    yield (top, left, bottom, right), share_y * share_x

        return of

    for bins, gate in zip(pyramid.bins, pyramid.gates):
        yield f"{bins} x {bins}", gate, places(bins)


def _taps(place: int, length: int, bins: int, align_corners: bool) -> Iterator[tuple[int, float]]:
    """The bins, and their shares, from which the resize makes the value at ``place``."""
    if align_corners:
        at = place * (bins - 1) / max(length - 1, 1)
    else:
        at = min(max((place + 0.5) * bins / length - 0.5, 0.0), bins - 1)
    low = int(at)
    yield low, 1 - (at - low)
    if at > low:
        yield min(low + 1, bins - 1), at - low


def _rates(pyramid: ASPP) -> Iterator[tuple[str, nn.Layer, Callable[..., Any]]]:
    def places(rate: int) -> Callable[..., Any]:
        def of(row: int, column: int, height: int, width: int) -> Iterator[tuple[Box, float]]:
            steps = (-rate, 0, rate) if rate else (0,)
            spots = [(row + dy, column + dx) for dy in steps for dx in steps]
            inside = [(r, c) for r, c in spots if 0 <= r < height and 0 <= c < width]
            for r, c in inside:
                yield (r, c, r + 1, c + 1), 1 / len(inside)

        return of

    for branch in pyramid.branches:
        rate = _dilation(branch)
        yield (f"rate {rate}" if rate else "1 x 1"), branch, places(rate)
    if pyramid.image_pool is not None:
        yield "image", pyramid.image_pool, lambda row, column, h, w: iter([((0, 0, h, w), 1.0)])


def _dilation(branch: nn.Layer) -> int:
    """Of its convolution with a kernel larger than one; 0 where there is none."""
    for layer in branch.sublayers(include_self=True):
        if isinstance(layer, nn.Conv2D) and layer.weight.shape[-1] > 1:
            dilation = layer._dilation
            return int(dilation[0] if isinstance(dilation, (list, tuple)) else dilation)
    return 0
