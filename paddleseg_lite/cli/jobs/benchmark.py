"""What ``tools/benchmark.py`` does: recipes in, measurements out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paddle

from ...benchmark import Stats, Subject, alternate, build_subject
from ...benchmark.machine_peak import measure_peaks
from ...benchmark.page import plot, read_results, to_markdown
from ...benchmark.peak_memory import measure_peak
from ...benchmark.profile import profile_forward
from ...benchmark.subject import subject_names
from ...benchmark.training import split_step
from ...benchmark.ways import arithmetic, check_ways, default_backends, open_backend, split
from ...config import Config
from ...errors import ConfigError, UserError
from ...files import make_folder, write_bytes, write_json
from ...runtime import processor

logger = logging.getLogger("paddleseg_lite")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure; sizes are ``(W, H)``."""

    size: tuple[int, int] = (480, 360)
    sizes: tuple[tuple[int, int], ...] = ()
    batch: int = 1
    backends: tuple[str, ...] = ()
    repeats: int = 15
    max_seconds: float = 30.0
    train: bool = True
    memory: bool = True
    profile: bool = False
    imports: tuple[str, ...] = ()

    def __post_init__(self):
        for width, height in (self.size, *self.sizes):
            if min(width, height) < 1:
                raise ConfigError(f"sizes are positive, got {width}x{height}.")
        if self.batch < 1 or self.repeats < 1:
            raise ConfigError("--batch and --repeats must be at least 1.")


def run_benchmark(
    recipes: Sequence[tuple[str, Config]],
    settings: Settings,
    *,
    threads: int,
    json_path: str | None = None,
    plot_path: str | None = None,
    results: Sequence[str] = (),
) -> int:
    """Measure every recipe, print Markdown, write JSON and the plot where asked.

    Args:
        recipes: ``(path, recipe)``.
        threads: for the record.
        results: where mIoU comes from, for the plot.
    """
    names = subject_names([path for path, _ in recipes])
    scores = read_results(list(results), names)
    ways = list(dict.fromkeys(settings.backends or default_backends()))
    check_ways(ways)
    for path in filter(None, (json_path, plot_path)):
        make_folder(Path(path).parent)
    peaks = measure_peaks()
    networks = []
    for name, (_, config) in zip(names, recipes):
        logger.info("measuring %s", name)
        subject = build_subject(name, config, size=settings.size, batch=settings.batch)
        networks.append({**measure(subject, ways, settings), "mIoU": scores.get(name)})
    peaks = {key: max(value, again) for (key, value), again in zip(peaks.items(), measure_peaks().values())}
    add_shares(networks, peaks)
    content = {
        "machine": {
            "processor": processor(),
            "threads": threads,
            "paddle": paddle.__version__,
            "device": paddle.get_device(),
            "gemm_peak_gflops": peaks,
        },
        "input_size": list(settings.size),
        "batch": settings.batch,
        "networks": networks,
    }
    print(to_markdown(content))
    if json_path:
        write_json(Path(json_path), content)
    if plot_path:
        write_bytes(plot_path, plot(content))
    return 0 if any(n["latency"] for n in networks) else 1


def measure(subject: Subject, ways: Sequence[str], settings: Settings) -> dict[str, Any]:
    """Everything about one network; what fails is named under ``failed``."""
    summary = subject.summary
    content: dict[str, Any] = {
        "name": subject.name,
        "model": summary.model,
        "parameters": summary.parameters,
        "eval_parameters": summary.eval_parameters,
        "gmacs": round(summary.gmacs, 4),
        "latency": {},
        "failed": {},
    }
    running = {}
    for way in ways:
        try:
            run = open_backend(way, subject.model, subject.shape)
            run(subject.image())  # a backend may refuse only now
            running[way] = run
        except Exception as e:  # whatever a runtime may raise: the others are still worth measuring
            content["failed"][way] = " ".join(f"{e}".split())[-300:] or type(e).__name__
    for way, stats in timed(running, subject.image(), settings).items():
        rate = 1000 * settings.batch / stats.p50
        content["latency"][way] = {
            "p50_ms": stats.p50,
            "p90_ms": stats.p90,
            "runs": stats.runs,
            "images_per_s": rate,
            "peak_of": arithmetic(way),
            "peak_mb": measure_peak(subject.config, settings.size, settings.batch, way, imports=settings.imports)
            if settings.memory
            else None,
        }
    if settings.sizes:
        content["sweep"] = {way: {} for way in running}
        for size in settings.sizes:
            for way, stats in timed(running, subject.image(size), settings).items():
                content["sweep"][way][f"{size[0]}x{size[1]}"] = stats.p50
    kernels = [split(way)[1] for way in running if split(way)[0] == "dygraph"]
    if settings.train and kernels:
        content["train"] = training(subject, kernels, settings)
    if settings.profile:
        content["profile"] = {}
        for way in (way for way in running if split(way)[0] == "dygraph"):
            content["profile"][way] = profiled(subject, way)
    return content


def add_shares(networks: list[dict[str, Any]], peaks: dict[str, float]) -> None:
    """``share_of_peak``: the multiply-adds done in a second against the best matrix product, taken before and after."""
    for network in networks:
        for record in network["latency"].values():
            peak = peaks.get(record["peak_of"])
            record["share_of_peak"] = 2 * network["gmacs"] * record["images_per_s"] / peak if peak else None


def timed(running: dict[str, Any], image, settings: Settings) -> dict[str, Stats]:
    """Latency of all backends in turns."""
    if not running:
        return {}
    variants = {way: (lambda run=run: run(image)) for way, run in running.items()}
    times = alternate(variants, repeats=settings.repeats, max_seconds=settings.max_seconds)
    return {way: Stats.of(values) for way, values in times.items()}


def training(subject: Subject, kernels: list[str], settings: Settings) -> dict[str, Any] | None:
    """The split of a training step; ``None`` where the recipe cannot train here."""
    try:
        found = split_step(
            subject, kernels, repeats=max(2, settings.repeats // 2), max_seconds=2 * settings.max_seconds
        )
    except UserError as e:
        logger.warning("%s: no training step: %s", subject.name, e)
        return None
    peaks = {}
    if settings.memory:
        size = (found.batch_shape[3], found.batch_shape[2])
        for mode in kernels:
            peaks[mode] = measure_peak(
                subject.config, size, found.batch_shape[0], f"dygraph:{mode}", "train", imports=settings.imports
            )
    return {
        "batch_shape": found.batch_shape,
        "data_ms": found.data,
        "parts": found.parts,
        "peak_mb": peaks,
        "images_per_s": {mode: found.images_per_second(mode) for mode in kernels},
    }


def profiled(subject: Subject, way: str) -> list[dict[str, Any]]:
    """Time by layer type on a copy of the network with the backend's kernels."""
    from ...benchmark.ways import open_dygraph

    model = open_dygraph(subject.model, precision=split(way)[1], shape=subject.shape)
    return [dataclasses.asdict(row) for row in profile_forward(model, subject.image(), subject.summary)]


def parse_size(text: str) -> tuple[int, int]:
    """``"480x360"`` -> ``(480, 360)``, W x H."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise ConfigError(f"--sizes takes WIDTHxHEIGHT, such as 480x360, got '{text}'.")
    return int(width), int(height)
