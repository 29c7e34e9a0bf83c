"""From samples to batches: arrays in the worker, tensors in the main process.

What passes between is a dict of arrays and ``meta``. Labels stay small integers
on the way; an error travels as a value and is raised on arrival.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..errors import DataError, UserError
from .transforms.base import Sample


class Failure:
    """An exception, in a form that survives the way between processes."""

    def __init__(self, error: Exception, what: str) -> None:
        self.kind = type(error) if isinstance(error, (UserError, MemoryError)) else None
        self.message = str(error) if self.kind else f"making the {what} failed:\n{traceback.format_exc()}"

    def batch(self) -> dict:
        """In the place of a batch; DataLoader waits for ever where there is no array in one."""
        return {"image": np.zeros(1, np.float32), "meta": Opaque(self)}

    def throw(self) -> NoReturn:
        raise (self.kind or RuntimeError)(self.message)


class Opaque:
    """Something that DataLoader shall not look into (it turns tuples into lists, and tables into copies)."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Collate:
    """Samples to arrays: labels stay small integers until they have left the worker."""

    def __call__(self, samples: Sequence[Sample]) -> Any:
        for sample in samples:
            if isinstance(sample, Failure):
                return sample.batch()
        try:
            return self.collate(samples)
        except Exception as e:
            return Failure(e, f"batch of samples {[s['meta'].get('index') for s in samples]}").batch()

    def collate(self, samples: Sequence[Sample]) -> dict[str, Any]:
        sizes = {s["image"].shape for s in samples}
        if len(sizes) > 1:
            listed = ", ".join(f"{w} x {h}" for h, w in sorted({s[:2] for s in sizes}))
            raise DataError(
                f"the images of a batch differ in size ({listed}; width x height): bring them to one with "
                "RandomPaddingCrop, Resize or Padding in train_dataset.transforms, or use batch_size 1."
            )
        if any(s.get("label") is None for s in samples):
            path = next(s["meta"].get("path") for s in samples if s.get("label") is None)
            raise DataError(f"image {path} has no label, and training needs one: use mode train.")
        batch: dict[str, Any] = {"image": stack_images(samples), "label": np.stack([s["label"] for s in samples])}
        if samples[0].get("weight") is not None:
            batch["weight"] = np.stack([s["weight"] for s in samples])
        batch["meta"] = Opaque([s["meta"] for s in samples])
        return batch


class Single(Collate):
    """One sample for evaluation; its label keeps its own size."""

    def collate(self, samples: Sequence[Sample]) -> dict[str, Any]:
        (sample,) = samples
        return {"image": stack_images(samples), "meta": Opaque((sample.get("label"), sample["meta"]))}


def stack_images(samples: Sequence[Sample]) -> np.ndarray:
    """Images [H, W, C] of one size to float32 [N, C, H, W]."""
    h, w, c = samples[0]["image"].shape
    out = np.empty((len(samples), c, h, w), np.float32)
    for row, sample in zip(out, samples):
        image = sample["image"]
        for channel in range(c):
            row[channel] = image[..., channel]
    return out


def checked(batch: dict) -> dict:
    """The batch, or the error that came in its place."""
    value = batch["meta"].value
    if isinstance(value, Failure):
        value.throw()
    return batch


def to_tensors(batch: dict) -> dict:
    """A batch of arrays to tensors; labels become int64 here."""
    out = {name: to_tensor(batch[name]) for name in ("image", "label", "weight") if name in batch}
    out["label"] = out["label"].astype("int64")
    out["meta"] = batch["meta"].value
    return out


def to_tensor(array: Any) -> Any:
    """To a tensor on the current device; what a worker sent is a tensor on the CPU already."""
    import paddle

    if isinstance(array, np.ndarray) or not paddle.device.get_device().startswith("cpu"):
        return paddle.to_tensor(array)
    return array


def join(batches: list[dict]) -> dict:
    """Single evaluation samples of one image size to one batch."""
    import paddle

    labels, metas = zip(*(b["meta"].value for b in batches))
    images = [to_tensor(b["image"]) for b in batches]
    out = {"image": images[0] if len(images) == 1 else paddle.concat(images), "meta": list(metas)}
    if labels[0] is not None:
        out["label"] = list(labels)
    return out
