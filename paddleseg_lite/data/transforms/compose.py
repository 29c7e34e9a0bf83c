"""Lists of transforms: built from YAML, applied in order, and undone for scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from ...errors import ConfigError
from ...registry import TRANSFORMS
from .base import Sample, Transform, resize_label


class Compose:
    """Transforms in order.

    Args:
        transforms: specs ``{type: Name, ...}``, names, or callables ``(sample, rng) -> sample``.
        ignore_index: what padded label pixels become, where a spec does not say.

    Raises:
        ConfigError: an unknown type or argument; the message has the position in the list.
    """

    def __init__(self, transforms: Sequence[Any] | None = None, *, ignore_index: int = 255) -> None:
        if transforms is not None and (isinstance(transforms, (str, Mapping)) or not isinstance(transforms, Sequence)):
            raise ConfigError(f"transforms is a list of {{type: NAME, ...}}, but got {transforms!r}.")
        self.transforms: list[Callable[[Sample, np.random.Generator], Sample]] = []
        offered = {"label_padding_value": ignore_index, "ignore_index": ignore_index}
        for position, spec in enumerate(transforms or []):
            if callable(spec) and not isinstance(spec, str):
                self.transforms.append(spec)
                continue
            try:
                self.transforms.append(TRANSFORMS.build(spec, offered=offered))
            except ConfigError as e:
                raise ConfigError(f"transforms[{position}]: {e}") from e

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample

    def of_picture(self, pixels: np.ndarray, path: str | None = None) -> Sample:
        """The sample that inference transforms make of a picture as read, ``[H, W, C]``."""
        meta: dict[str, Any] = {"path": path, "size": pixels.shape[:2], "trans_info": []}
        rng = np.random.default_rng(0)  # inference transforms draw nothing; the contract wants one
        return self({"image": pixels, "meta": meta}, rng)

    def __len__(self) -> int:
        return len(self.transforms)

    def __iter__(self) -> Iterator[Callable[[Sample, np.random.Generator], Sample]]:
        return iter(self.transforms)

    def random_ones(self) -> list[str]:
        """Names of the transforms that draw at random."""
        return [type(t).__name__ for t in self.transforms if isinstance(t, Transform) and t.random]

    def __repr__(self) -> str:
        return f"Compose({self.transforms})"


def restore(array: Any, trans_info: Sequence[tuple]) -> Any:
    """Undo the resizes and paddings of an image on what the network made of it.

    Args:
        array: logits [N, K, h, w], a paddle tensor or a NumPy array (bilinear,
            half-pixel centres), or predicted ids [h, w], NumPy (nearest).
        trans_info: ``sample["meta"]["trans_info"]``.

    Returns:
        The same kind, at the image's original size.
    """
    for kind, (h, w) in reversed(list(trans_info)):
        if kind == "padding":
            array = array[..., :h, :w]
        elif kind != "resize":
            raise ValueError(f"trans_info holds '{kind}', which cannot be undone.")
        elif tuple(array.shape[-2:]) != (h, w):
            array = _resize(array, (h, w))
    return array


def _resize(array: Any, size: tuple[int, int]) -> Any:
    if isinstance(array, np.ndarray):
        if array.ndim == 2:
            return resize_label(np.ascontiguousarray(array), size)
        if array.ndim == 4:
            planes = array.reshape(-1, *array.shape[-2:]).astype(np.float32)
            # bilinear by pixel centres: the same numbers as interpolate(align_corners=False)
            resized = [cv2.resize(p, (size[1], size[0]), interpolation=cv2.INTER_LINEAR) for p in planes]
            return np.stack(resized).reshape(*array.shape[:2], *size)
        raise ValueError(f"restore takes logits [N, K, h, w] or ids [h, w], but got {list(array.shape)}.")
    import paddle.nn.functional as F

    if len(array.shape) != 4:
        raise ValueError(f"restore takes logits [N, K, h, w], but got {list(array.shape)}.")
    return F.interpolate(array, size=list(size), mode="bilinear", align_corners=False)
