"""Pictures of any size for a model that takes some sizes only: padded, cut into windows, and cut back.

Most exported graphs take any size. Some take sides that are multiples of a
number, because the network pads its input to them; here that is done outside,
in the same way: zeros (after normalisation) on the right and below, cut off
again. A picture larger than a fixed shape is seen in overlapping windows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import paddle

from ..inference.backend import Backend
from ..inference.labels import predict_labels
from ..inference.options import InferenceOptions
from ..inference.windows import window_starts

_SMALL = (16, 32, 64)  # pixels a side: UNet's smallest, and more


class AnySize(Backend):
    """A backend that takes any height and width.

    Args:
        backend: takes and gives what ``deploy.yml`` says.
        given: its ``input`` entry.
        num_classes, bytes_per_pixel: for the memory that a picture will take.
    """

    name = "export"

    def __init__(self, backend: Callable, given: Mapping[str, Any], *, num_classes: int, bytes_per_pixel: float = 0.0):
        self.backend, self.given = backend, given
        self.num_classes, self.bytes_per_pixel = num_classes, bytes_per_pixel
        n, _, height, width = given["shape"]
        self.batch = n if None not in given["shape"] else None
        self.window = (height, width) if self.batch else None

    def __call__(self, image: Any) -> np.ndarray:
        """``[N, C, h, w]`` (no larger than a fixed shape) ``-> [N, K, h, w]`` logits or ``[N, h, w]`` labels."""
        x = image.numpy() if isinstance(image, paddle.Tensor) else np.asarray(image)
        height, width = x.shape[2:]
        if self.window is not None:
            wide = self._widened(x, self.window)
            found = np.concatenate([self._run(np.repeat(one[None], self.batch, axis=0))[:1] for one in wide])
            return found[..., :height, :width]
        multiple = self.given["multiple"]
        target = tuple(-(-side // multiple) * multiple for side in (height, width))
        # maps smaller than a pooling window: runtimes refuse them or, compiled for all sizes, give an empty result;
        # networks go on without them, or add zeros as here
        targets = dict.fromkeys([target, *(tuple(max(side, small) for side in target) for small in _SMALL)])
        for wide in targets:
            try:
                return self._run(self._widened(x, wide))[..., :height, :width]
            except Exception:
                if min(wide) >= _SMALL[-1]:
                    raise
        raise AssertionError("the last target is as large as any")

    def _widened(self, x: np.ndarray, target: tuple[int, int]) -> np.ndarray:
        """``x [N, C, h, w]`` with what is zero inside on the right and below, up to ``target``."""
        height, width = x.shape[2:]
        if target == (height, width):
            return x
        fill = np.asarray(self.given.get("padding", 0), np.float32).reshape(-1, 1, 1)
        wide = np.empty((*x.shape[:2], *target), x.dtype)
        wide[...] = np.rint(fill) if x.dtype.kind == "u" else fill
        wide[:, :, :height, :width] = x
        return wide

    def _run(self, x: np.ndarray) -> np.ndarray:
        size = x.shape[2:]
        x = x.transpose(0, 2, 3, 1) if self.given["layout"] == "NHWC" else x
        found = np.asarray(self.backend(np.ascontiguousarray(x, dtype=self.given["dtype"])))
        if found.shape[-2:] != size:
            raise ValueError(f"a result of shape {list(found.shape)} for a picture of {size[1]} x {size[0]} pixels.")
        return found


def predict_by_logits(forward: AnySize, x: np.ndarray, trans_info) -> np.ndarray:
    """Class ids [H, W] at the picture's own size, of a model that gives logits.

    Args:
        x: ``[1, C, h, w]``, transformed.
        trans_info: what the transforms recorded.
    """
    return predict_labels(forward, x, options=_options(forward, x.shape[2:]), trans_info=trans_info)[0]


def predict_by_labels(forward: AnySize, x: np.ndarray) -> np.ndarray:
    """Class ids [h, w] at the size of ``x``, of a model that gives ids: they cannot be averaged over windows."""
    height, width = x.shape[2:]
    window = tuple(min(w, s) for w, s in zip(forward.window or (height, width), (height, width)))
    rows, columns = (window_starts(s, w, max(1, w * 3 // 4)) for s, w in zip((height, width), window))
    out: np.ndarray | None = None
    for top in rows:
        for left in columns:
            found = forward(x[:, :, top : top + window[0], left : left + window[1]])[0]
            out = np.empty((height, width), found.dtype) if out is None else out
            # half of what two windows share belongs to each: their borders see least of the picture
            dy, dx = (0 if at == 0 else (w - w * 3 // 4) // 2 for at, w in ((top, window[0]), (left, window[1])))
            out[top + dy : top + window[0], left + dx : left + window[1]] = found[dy:, dx:]
    return out


def _options(forward: AnySize, size: tuple[int, int]) -> InferenceOptions:
    """The whole picture, windows where it does not fit into memory, or windows of a fixed shape."""
    if forward.window is None:
        return InferenceOptions(is_slide=None)
    if all(side <= window for side, window in zip(size, forward.window)):
        return InferenceOptions(is_slide=False)
    return InferenceOptions(is_slide=True, crop_size=forward.window[::-1], taper=True)
