"""``--backend`` and ``--precision`` of val and infer: what computes, tried on an image of the job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np

from ...errors import ConfigError, DataError
from ...export import choose_backend
from ...inference.backend import precision_here
from ...inference.loaded import Loaded
from ...inference.plan import make_plan
from ...inference.sources import Source
from ...inference.windows import window_starts
from .video import frames, opened

logger = logging.getLogger("paddleseg_lite")

NO_EXPORT = "this network mirrors an image's edges and cuts its output, which an exported graph does not"
_LARGEST_PROBE = 1024  # pixels a side; windows are never larger
_SOURCES_TRIED = 10


def use_backend(
    loaded: Loaded,
    kind: str,
    *,
    precision: str | None = None,
    images: int | None = None,
    probe: Callable[[], tuple[np.ndarray | None, int]] = lambda: (None, 1),
) -> None:
    """Let ``loaded`` compute by a backend; one line says which and why.

    Args:
        kind: a name of ``BACKENDS``, or ``auto``.
        precision: ``bf16`` or ``fp32``, the default on CPUs. On GPUs the network itself computes, in
            the recipe's precision.
        images: how many there will be, where known.
        probe: gives an image as the network takes it, ``[N, C, H, W]``, and how many of those an image of the job
            takes (windows); asked only where it is needed.

    Raises:
        UserError: the backend named is not to be had.
    """
    on_cpu = next(iter(loaded.model.parameters())).place.is_cpu_place()
    if precision is not None:
        precision = precision_here(precision, logger.warning)
    half = precision == "bf16" and on_cpu
    if not on_cpu and kind not in ("dygraph", "auto"):
        raise ConfigError(f"--backend {kind} computes on the CPU and the network is on a GPU: add --device cpu.")
    if not on_cpu or (kind == "dygraph" and not half):
        return
    if not loaded.model.same_size:
        if kind != "auto" or half:
            raise ConfigError(f"--backend {kind} in {precision or 'fp32'}: {NO_EXPORT}: use dygraph, in fp32.")
        return
    image, runs = probe() if kind == "auto" else (None, 1)
    choice = choose_backend(
        loaded.model, kind, precision="bf16" if half else "fp32", probe=image, images=images and images * runs
    )
    loaded.backend = choice.backend
    logger.info("%s", choice.reason)


def probe_of(loaded: Loaded, picture: np.ndarray) -> tuple[np.ndarray, int]:
    """What the network is given of a picture ``[H, W, C]``, all of it or one window, and how many windows there are."""
    if loaded.only_normalises and loaded.crf is None:
        size, part = picture.shape[:2], picture[:_LARGEST_PROBE, :_LARGEST_PROBE]
    else:
        size, part = None, picture
    x = loaded.sample(part)[0]["image"].transpose(2, 0, 1)[None]
    size = size or x.shape[2:]
    plan = make_plan(loaded.model, (*x.shape[:2], *size), loaded.any_size)
    height, width = (min(w, s) for w, s in zip(plan.window or size, size))
    runs = 1
    if plan.window is not None:
        for length, window, stride in zip(size, plan.window, plan.stride):
            runs *= len(window_starts(length, window, stride))
    if x.shape[2] < height or x.shape[3] < width:  # larger than the probe and still not cut
        lacking = [(0, max(0, s - n)) for s, n in zip((height, width), x.shape[2:])]
        x = np.pad(x, [(0, 0), (0, 0), *lacking], mode="wrap")
    return np.ascontiguousarray(x[:, :, :height, :width], dtype=np.float32), runs


def first_probe(loaded: Loaded, sources: Sequence[Source]) -> tuple[np.ndarray | None, int]:
    """:func:`probe_of` the first picture or frame that can be read."""
    for source in sources[:_SOURCES_TRIED]:
        try:
            if source.problem:
                continue
            if not source.is_video:
                return probe_of(loaded, loaded.picture(source.path).pixels)
            with opened(source.path) as reader:
                return probe_of(loaded, next(frames(reader)))
        except (DataError, StopIteration):
            continue
    return None, 1
