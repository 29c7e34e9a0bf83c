"""Evaluation: one pass over a dataset, one confusion matrix.

The same function serves validation during training and ``tools/val.py``, so
that the two give the same number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle

from ..data import eval_batches, restore
from ..errors import DataError
from ..metrics import ConfusionMatrix, Scores
from ..progress import watched
from .backend import Backend, PaddleBackend, as_backend
from .class_ids import argmax_labels
from .logits import predict_logits
from .options import InferenceOptions
from .refine import refine


@dataclass
class ImageResult:
    """One image's share of an evaluation."""

    path: str
    matrix: np.ndarray  # [K, K] int64, rows truth


@dataclass
class Evaluation:
    """What a pass over a dataset found."""

    scores: Scores
    matrix: ConfusionMatrix
    images: int
    seconds: float
    loss: float | None = None
    backend: str = "dygraph fp32"  # what computed
    per_image: list[ImageResult] = field(default_factory=list)
    unrefined: Scores | None = None  # before the CRF, where there is one

    @property
    def engine(self) -> str:
        """``backend`` by its former name."""
        return self.backend

    @property
    def images_per_second(self) -> float:
        return self.images / max(self.seconds, 1e-9)


@paddle.no_grad()
def evaluate(
    model: Callable,
    dataset,
    *,
    options: InferenceOptions | None = None,
    loss: Callable | None = None,
    num_workers: int = 0,
    convention: str = "nan",
    keep_images: bool = False,
    observers: tuple[Callable, ...] = (),
    rank: int = 0,
    world_size: int = 1,
    engine: str | None = None,
    crf: Callable | None = None,
) -> Evaluation:
    """Score ``model`` on ``dataset`` at the labels' own size.

    Args:
        model: a network or :class:`~.backend.PaddleBackend` of one (put into eval mode for the pass), another
            backend, or a function ``[N, C, H, W] -> logits``.
        dataset: in ``val`` mode: geometric transforms touch the image only and
            the prediction is brought back to the label's size.
        options: whole image, sliding window, multi-scale, flips.
        loss: ``(logits [1, K, H, W], label [1, H, W]) -> scalar``, tensors, or arrays without the first axis
            where it says ``takes_arrays``; its mean over images is reported.
        convention: how mIoU treats absent classes (MODELS: nan | gt_only | one | zero).
        keep_images: keep a confusion matrix per image.
        observers: ``f(probabilities or logits [K, H, W], label [H, W], meta)`` per image, tensors or arrays,
            for measures beyond the confusion matrix.
        rank, world_size: this process scores every ``world_size``-th image;
            merge the matrices afterwards.
        engine: what the result says computed it, in place of the backend's name.
        crf: refines each prediction with its raw image; everything reported is then the
            refined prediction's, and ``unrefined`` has the scores before it.
    """
    options = options or InferenceOptions()
    backend = as_backend(model)
    network = backend.network if isinstance(backend, PaddleBackend) else None
    was_training = network is not None and network.training
    if network is not None:
        network.eval()
    matrix = ConfusionMatrix(dataset.num_classes, ignore_index=dataset.ignore_index)
    before = ConfusionMatrix(dataset.num_classes, ignore_index=dataset.ignore_index)
    losses: list[Any] = []
    per_image: list[ImageResult] = []
    count, started = 0, time.perf_counter()
    batches = eval_batches(dataset, num_workers=num_workers, rank=rank, world_size=world_size)
    own_part = len(range(rank, len(dataset), world_size))
    bar = None if rank == 0 else False
    for batch, logits in watched(
        _predicted(backend, batches, options), own_part, "images", steps=lambda pair: len(pair[0]["meta"]), bar=bar
    ):
        for i, (label, meta) in enumerate(zip(labels_of(batch), batch["meta"])):
            own = logits[i : i + 1]
            if meta["trans_info"] or crf is not None:
                own = restore(own if isinstance(own, paddle.Tensor) else paddle.to_tensor(own), meta["trans_info"])
            if crf is not None:
                before.update(argmax_labels(own.numpy())[0], label)
                own = refine(crf, own, dataset.load(meta["index"])["image"])
            # NumPy from here: Paddle's threads would wait where a backend has its own
            values = own.numpy() if isinstance(own, paddle.Tensor) else own
            prediction = argmax_labels(values)[0]
            if keep_images:
                one = ConfusionMatrix(dataset.num_classes, ignore_index=dataset.ignore_index)
                one.update(prediction, label)
                matrix.merge(one)
                per_image.append(ImageResult(meta["path"], one.matrix))
            else:
                matrix.update(prediction, label)
            if getattr(loss, "takes_arrays", False):
                losses.append(loss(values[0], label))
            elif loss is not None:
                tensor = own if isinstance(own, paddle.Tensor) else paddle.to_tensor(own)
                losses.append(loss(tensor, paddle.to_tensor(np.asarray(label)[None].astype("int64"))))
            for observe in observers:
                observe(own[0], label, meta)
            count += 1
    if was_training:
        network.train()
    return Evaluation(
        scores=matrix.compute(convention),
        matrix=matrix,
        images=count,
        seconds=time.perf_counter() - started,
        loss=float(np.mean([float(v) for v in losses])) if losses else None,
        backend=engine or backend.name,
        per_image=per_image,
        unrefined=None if crf is None else before.compute(convention),
    )


def labels_of(batch: dict) -> list[np.ndarray]:
    """The labels of a batch.

    Raises:
        DataError: a picture has none.
    """
    labels = batch.get("label") or [None] * len(batch["meta"])
    lacking = [meta["path"] for label, meta in zip(labels, batch["meta"]) if label is None]
    if lacking:
        raise DataError(f"image {lacking[0]} has no label, and a score needs one: choose a split that has labels.")
    return labels


def _predicted(backend: Backend, batches: Iterable, options: InferenceOptions) -> Iterator[tuple[dict, Any]]:
    """Batches with their logits, tensors or arrays.

    A backend that leaves Python alone while it computes works on the next batch while this one is scored.
    """
    whole = not options.aug_eval and options.is_slide is False
    if not (whole and backend.overlaps):
        for batch in batches:
            yield batch, predict_logits(backend, batch["image"], options=options)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        for batch in batches:
            following = batch, pool.submit(backend, batch["image"].numpy())
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting is not None:
            yield waiting[0], waiting[1].result()
