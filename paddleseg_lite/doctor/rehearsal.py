"""A dry run at the real batch and crop: does it learn at all, does it fit, is the loader fast enough."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable

import numpy as np
import paddle

from ..config import Config
from ..data import BatchSampler, train_batches
from ..errors import UserError
from ..graph.initialise import initialise_contexts
from ..inference.footprint import free_bytes, peak_of
from ..language import mark, translate
from ..training.parts import build_parts
from .findings import Diagnosis

LOADER_SAMPLES = 8


def rehearse(diagnosis: Diagnosis, config: Config, train, *, speed: bool = True, notes: bool = True) -> None:
    """Build everything that the run will build and take one step without keeping it.

    Args:
        speed: time the loader against the model.
        notes: also tell what the run will do differently from the recipe.
    """
    try:
        parts = build_parts(config, train, note=_noting(diagnosis) if notes else _silent)
        model, criterion = parts.model, parts.criterion
        model.train()
        few = _batch(config, train, min(2, config.batch_size))  # a single sample may be too few for a batch norm
        diagnosis.facts.update(crop=list(few["image"].shape[2:]), iterations=parts.total_iters)
        if not _fits(diagnosis, model, criterion, few, config):
            return
        batch = _batch(config, train, config.batch_size)
        if config.init_context:
            initialise_contexts(model, [batch["image"]], seed=config.seed)
        seconds, loss = math.inf, float("nan")
        for _ in range(2 if speed else 1):  # the first pass also warms up
            started = time.perf_counter()
            with parts.precision.autocast():
                total, _ = criterion(model(batch["image"]), batch)
            total.backward()
            loss = float(total)
            seconds = min(seconds, time.perf_counter() - started)
            gradient = _gradient_norm(model)
            model.clear_gradients()
    except (UserError, ValueError) as e:
        diagnosis.add(
            "error",
            "model",
            f"a training step fails: {e}",
            translate(mark("correct the value, in the recipe or in --opts; the message names it")),
        )
        return
    except MemoryError:
        level, suffix = _too_large(config)
        diagnosis.add(
            level, "memory", f"a training step does not fit into memory{suffix}", "lower batch_size or the crop"
        )
        return
    diagnosis.facts.update(
        step_seconds=seconds, first_loss=loss, gradient_norm=gradient, chance_loss=math.log(train.num_classes)
    )
    if not math.isfinite(loss) or not math.isfinite(gradient):
        diagnosis.add(
            "error",
            "model",
            f"the first step gives loss {loss} and gradient norm {gradient}",
            "check the images (all black? not normalised?), the labels and the loss",
        )
    elif gradient == 0:
        diagnosis.add(
            "error",
            "model",
            "the first step gives a gradient of zero: nothing would be learned",
            "check that the labels hold pixels that count, and that parameters are not all frozen",
        )
    if not np.isfinite(batch["image"].numpy()).all():
        diagnosis.add("error", "data", "a transformed image holds values that are not finite", "check Normalize's std")
    if speed:
        _loader(diagnosis, config, train, seconds)


def _gradient_norm(model) -> float:
    squares = [float((p.grad.astype("float32") ** 2).sum()) for p in model.parameters() if p.grad is not None]
    return math.sqrt(sum(squares))


def _noting(diagnosis: Diagnosis) -> Callable[[str], None]:
    return lambda text: diagnosis.add("info", "config", text)


def _silent(text: str) -> None:
    pass


def _batch(config: Config, train, size: int) -> dict:
    """The first batch of the run, or its beginning."""
    sampler = BatchSampler(len(train), size, seed=config.seed)
    return next(iter(train_batches(train, sampler, seed=config.seed, num_workers=0, stop_iter=1)))


def _fits(diagnosis: Diagnosis, model, criterion, small: dict, config: Config) -> bool:
    """Estimate the memory of a step from one with a small batch, before the whole one is even read."""
    batch_size, probe = config.batch_size, small["image"].shape[0]
    peak = peak_of(lambda: criterion(model(small["image"]), small)[0].backward())
    model.clear_gradients()
    free = free_for_step()
    if peak is None or free is None:
        return True
    parameters = sum(4 * int(p.size) for p in model.parameters())
    pixels = small["image"].size * 4 // probe
    need = (peak // probe + pixels) * batch_size + 3 * parameters  # gradients and the optimizer's two averages
    diagnosis.facts.update(step_memory_mb=need >> 20, available_mb=free >> 20)
    what = f"a step of {batch_size} takes about {max(1, need >> 20)} MiB, and {free >> 20} MiB are free"
    fix = "lower batch_size or the crop; --accumulate keeps the effective batch"
    if need > free:
        level, suffix = _too_large(config)
        diagnosis.add(level, "memory", what + suffix, fix)
    elif need > 0.7 * free:
        diagnosis.add("warning", "memory", f"{what}: little is left for workers and validation", fix)
    return need <= free


def _too_large(config: Config) -> tuple[str, str]:
    """How bad it is that the rehearsal does not fit, and what to add: it is in fp32 whatever the recipe's precision."""
    if config.precision == "fp32" or not paddle.get_device().startswith("gpu"):
        return "error", ""
    return "warning", f" (measured in fp32; {config.precision} takes less)"


def free_for_step() -> int | None:
    """Bytes that training may still take: of the GPU where it runs on one, else of the machine."""
    if not paddle.get_device().startswith("gpu"):
        return free_bytes()
    cuda = paddle.device.cuda
    return int(cuda.get_device_properties().total_memory - cuda.memory_allocated())


def _loader(diagnosis: Diagnosis, config: Config, train, step_seconds: float) -> None:
    rng = np.random.default_rng(0)
    train.get(0, rng)
    started = time.perf_counter()
    for i in range(LOADER_SAMPLES):
        train.get(i % len(train), rng)
    batch_seconds = (time.perf_counter() - started) / LOADER_SAMPLES * config.batch_size
    diagnosis.facts.update(loader_seconds_per_batch=batch_seconds)
    share = batch_seconds / max(config.num_workers, 1) / max(step_seconds, 1e-9)
    diagnosis.facts["suggested_num_workers"] = workers = suggested_workers(batch_seconds, step_seconds)
    if config.num_workers == 0 and share > 0.15 and workers:
        diagnosis.add(
            "info",
            "loader",
            f"loading takes {1000 * batch_seconds:.0f} ms of each {1000 * step_seconds:.0f} ms step",
            f"--num_workers {workers} loads while the network computes",
        )
    elif config.num_workers > 0 and share > 1:
        diagnosis.add(
            "warning",
            "loader",
            f"{config.num_workers} workers load slower than the network computes",
            f"--num_workers {workers}, --cache memory, or smaller source images",
        )


def suggested_workers(batch_seconds: float, step_seconds: float) -> int:
    """Workers that keep up with the network without starving it of cores; 0 where loading is negligible."""
    if batch_seconds < 0.05 * step_seconds:
        return 0
    return int(min(max(1, math.ceil(batch_seconds / max(step_seconds, 1e-9))), max(1, (os.cpu_count() or 1) - 1), 8))
