"""Class ids of a batch or a picture, at its own size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import paddle

from ..data import restore as undo_transforms
from .class_ids import argmax_labels, label_dtype, labels_at_own_size
from .logits import as_tensor, averaged, one_pass, run_plan, slide
from .options import InferenceOptions
from .plan import Plan, make_plan


@paddle.no_grad()
def predict_labels(
    computes: Any,
    image,
    *,
    options: InferenceOptions | None = None,
    trans_info: Sequence = (),
    restore: Callable = undo_transforms,
) -> np.ndarray:
    """Class ids of a batch, at the size the image had before its transforms.

    Args:
        computes, image, options: as for :func:`~.logits.predict_logits`.
        trans_info: what the transforms recorded (``meta["trans_info"]``), the same for the batch.
        restore: undoes them on logits.

    Returns:
        ``[N, H, W]`` uint8 (int32 from 257 classes on).
    """
    options = options or InferenceOptions()
    x = as_tensor(image)
    plan = make_plan(computes, x.shape, options)
    if not trans_info and _in_windows(plan, options):
        fetch = lambda y0, y1, x0, x1: x[:, :, y0:y1, x0:x1].numpy()  # noqa: E731
        return _streamed(computes, fetch, tuple(x.shape[2:]), plan, options)
    logits = run_plan(computes, x, plan, options)
    back = lambda z, info: restore(paddle.to_tensor(z), info)  # noqa: E731
    return labels_at_own_size(logits.numpy(), list(trans_info), back)


@paddle.no_grad()
def predict_picture(
    computes: Any,
    picture: np.ndarray,
    prepare: Callable[[np.ndarray], dict[str, Any]],
    *,
    options: InferenceOptions | None = None,
) -> np.ndarray:
    """Class ids of one picture that is normalised window by window, never as a whole.

    For pictures so large that even their float copy is too much (8000x6000:
    576 MB), where the transforms are per pixel.

    Args:
        picture: ``[H, W, C]``, usually uint8; a memory map will do.
        prepare: ``[h, w, C]`` of any part ``-> sample`` whose ``image [h, w, C]`` is as the network wants it:
            ``of_picture`` of transforms that treat each pixel for itself.

    Returns:
        ``[H, W]`` uint8 (int32 from 257 classes on).
    """
    options = options or InferenceOptions()

    def fetch(y0, y1, x0, x1):
        image = prepare(picture[y0:y1, x0:x1])["image"]
        return np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)

    height, width = picture.shape[:2]
    plan = make_plan(computes, (1, picture.shape[2], height, width), options)
    if not _in_windows(plan, options):
        return argmax_labels(run_plan(computes, as_tensor(fetch(0, height, 0, width)), plan, options).numpy())[0]
    return _streamed(computes, fetch, (height, width), plan, options)[0]


def _in_windows(plan: Plan, options: InferenceOptions) -> bool:
    """Whether each window's logits are final, so that its class ids can be taken at once."""
    return plan.window is not None and not (options.aug_eval and options.is_slide)


def _streamed(computes: Any, fetch, size, plan: Plan, options: InferenceOptions) -> np.ndarray:
    result: list[np.ndarray] = []

    def emit(block, y, left):
        if not result:
            result.append(np.empty((block.shape[0], *size), dtype=label_dtype(block.shape[1])))
        result[0][:, y : y + block.shape[2], left : left + block.shape[3]] = argmax_labels(block)

    slide(averaged(one_pass(computes), options), fetch, size, emit, plan, options.tile_batch)
    return result[0]
