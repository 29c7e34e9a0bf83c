"""The fastest engine that computes what the network computes.

The first time a network meets a size, every engine at hand runs a probe next
to the network itself. What was found is kept beside the exports; the next
process starts with the winner.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from ..errors import EnvironmentProblem, UserError
from ..runtime import available_cores
from .cache import cache_folder, read_json, write_whole
from .engines import DygraphEngine, Engine, load_engine
from .trace import eval_mode
from .verify import Agreement, compare

logger = logging.getLogger("paddleseg_lite")

_TIMED_RUNS = 3
FEW_IMAGES = 2  # an export takes longer than these


@dataclass(frozen=True)
class Choice:
    """An engine and why it was chosen, in one line."""

    engine: Engine
    reason: str


def choose_engine(network: paddle.nn.Layer, kind: str = "auto", *, precision: str = "fp32",
                  probe: np.ndarray | None = None, images: int | None = None, threads: int | None = None,
                  folder: str | Path | None = None) -> Choice:
    """Make the engine asked for, or find the fastest one that agrees with the network.

    Args:
        kind: ``auto`` or one of :data:`~.engines.KINDS`. What is named is made, or is an error.
        precision: ``fp32`` or ``bf16``; with ``auto``, fp32 takes over where bf16 is not to be had.
        probe: an image ``[N, C, H, W]`` as the network takes it, of the size that matters;
            noise of 360 x 480 by default.
        images: how many there will be, where known: for one or two an export does not pay.
        folder: where exports are kept; the cache by default.

    Raises:
        UserError: the engine named is not to be had.
    """
    if kind != "auto":
        engine = load_engine(kind, network, precision=precision, threads=threads, folder=folder)
        return Choice(engine, f"engine {engine.name}, as asked for")
    plain = DygraphEngine(network)
    if not next(iter(network.parameters())).place.is_cpu_place():
        return Choice(plain, "engine dygraph fp32: the network is on a GPU, the other engines are for CPUs")
    if probe is None:
        probe = np.random.default_rng(0).standard_normal((1, network.in_channels, 360, 480)).astype(np.float32)
    folder = Path(folder) if folder else cache_folder(network)
    record = folder / f"choice_{precision}_{'x'.join(str(s) for s in probe.shape)}.json"
    machine = [platform.processor() or platform.machine(), available_cores(), threads, _versions()]
    kept = read_json(record)
    if kept.get("machine") == machine:
        return _recall(kept, plain, network, threads, folder)
    if images is not None and images <= FEW_IMAGES:
        return Choice(plain, f"engine dygraph fp32: for {images} image{'s' * (images > 1)} an export does not pay")
    found, notes = _race(network, precision, probe, threads, folder)
    kind, engine, seconds, agreement = min(found, key=lambda f: f[2])
    slowest = found[0][2]
    reason = f"engine {engine.name}: {1e3 * seconds:.0f} ms where dygraph takes {1e3 * slowest:.0f}"
    if agreement is not None:
        reason += f"; {agreement}"
    if kind == "dygraph":
        reason = "engine dygraph fp32: " + ("; ".join(notes) if notes else "none is faster")
    elif notes:
        reason += f" ({'; '.join(notes)})"
    content = {"machine": machine, "kind": kind, "precision": engine.name.split()[-1], "reason": reason}
    write_whole(record, json.dumps(content).encode())
    return Choice(engine, reason)


def _recall(kept: dict, plain: DygraphEngine, network, threads, folder) -> Choice:
    if kept["kind"] == "dygraph":
        return Choice(plain, kept["reason"])
    try:
        engine = load_engine(kept["kind"], network, precision=kept["precision"], threads=threads, folder=folder)
        return Choice(engine, kept["reason"])
    except UserError as e:
        return Choice(plain, f"engine dygraph fp32: {e}")


def _race(network, precision: str, probe: np.ndarray, threads, folder):
    """Those that ran and agreed, the network first, as (kind, engine, seconds, agreement); notes on the rest."""
    plain = DygraphEngine(network)
    seconds, _ = _timed(plain, probe, runs=1)
    with eval_mode(network):
        reference = plain(probe)
    found: list[tuple[str, Engine, float, Agreement | None]] = [("dygraph", plain, seconds, None)]
    notes: list[str] = []
    candidates = [("openvino", "fp32"), ("onnxruntime", "fp32")]
    if precision == "bf16":
        candidates.insert(0, ("openvino", "bf16"))
    for kind, how in candidates:
        if how == "fp32" and any(f[1].name.endswith("bf16") for f in found):
            continue  # bf16 was asked for and is there
        try:
            engine = load_engine(kind, network, precision=how, threads=threads, folder=folder)
            seconds, logits = _timed(engine, probe)
            agreement = compare(reference, logits)
        except EnvironmentProblem as e:
            if "package" not in str(e) or len(candidates) == 1:
                notes.append(str(e))
            else:
                notes.append(f"{kind} is not installed")
        except Exception as e:  # an engine of any make may fail in any way; the network itself is always there
            notes.append(f"{kind} {how} failed: {str(e).strip().splitlines()[0][:120] if str(e).strip() else type(e)}")
        else:
            if agreement.good(how):
                found.append((kind, engine, seconds, agreement))
            else:
                notes.append(f"{kind} {how} is not used: {agreement}")
    if len(found) > 1:
        notes = [n for n in notes if not n.endswith("is not installed")]
    return found, notes


def _timed(engine: Callable, probe: np.ndarray, runs: int = _TIMED_RUNS) -> tuple[float, np.ndarray]:
    """Median seconds after one run for warming up, and the logits."""
    logits, times = engine(probe), []
    for _ in range(runs):
        started = time.perf_counter()
        engine(probe)
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2], logits


def _versions() -> list[str]:
    from importlib import metadata

    found = []
    for name in ("openvino", "onnxruntime"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append("")
    return found
