"""The fastest backend that computes what the network computes.

The first time a network meets a size, every backend at hand runs a probe next
to the network itself. What was found is kept beside the exports; the next
process starts with the winner.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle

from ..errors import EnvironmentProblem, UserError, instead
from ..files import read_json, write_json
from ..inference.backend import Backend, PaddleBackend
from ..runtime import available_cores, processor, threads_in_force
from .agreement import compare
from .backends import available
from .cache import cache_folder
from .opening import load_backend
from .recording import eval_mode

logger = logging.getLogger("paddleseg_lite")

_TIMED_RUNS = 3
EXPORT_SECONDS = 3.0  # what making and compiling the exports of a middling network takes
RACE_RUNS = 10  # runs of the network's own length that a race takes beside that
USUAL_SAVING = 0.2  # of a run, by the fastest export: 5 to 43 % (docs/results/inference_speed.md)


@dataclass(frozen=True)
class Choice:
    """A backend and why it was chosen, in one line."""

    backend: Backend
    reason: str

    @property
    def engine(self) -> Backend:
        """``backend`` by its former name."""
        return self.backend


class WithSubstitute(Backend):
    """A backend with the network behind it: what the backend fails on, the network computes.

    Attributes:
        name: of the backend; says how often the network stood in.
    """

    def __init__(self, backend: Backend, plain: PaddleBackend):
        self._backend, self._plain, self._stood_in = backend, plain, 0
        self.num_classes, self.overlaps = backend.num_classes, backend.overlaps

    @property
    def name(self) -> str:
        return self._backend.name + (f" ({self._stood_in} runs by {self._plain.name})" if self._stood_in else "")

    @property
    def bytes_per_pixel(self) -> float:
        return self._backend.bytes_per_pixel

    def __call__(self, image) -> np.ndarray:
        try:
            return self._backend(image)
        except MemoryError:
            raise
        except Exception as e:  # a backend of any make may fail in any way
            if not self._stood_in:
                size = "x".join(str(s) for s in image.shape)
                why = f"it fails on an input of {size}: {_line(e)}"
                logger.warning("%s", instead(f"backend {self._backend.name}", why, self._plain.name))
            self._stood_in += 1
            return self._plain(image)


def choose_backend(
    network: paddle.nn.Layer,
    kind: str = "auto",
    *,
    precision: str = "fp32",
    probe: np.ndarray | None = None,
    images: int | None = None,
    threads: int | None = None,
    folder: str | Path | None = None,
) -> Choice:
    """Make the backend asked for, or find the fastest one that agrees with the network.

    Args:
        kind: ``auto`` or a name of ``BACKENDS``. What is named is made, or is an error.
        precision: ``fp32`` or ``bf16``; with ``auto``, fp32 takes over where bf16 is not to be had.
        probe: an image ``[N, C, H, W]`` as the network takes it, of the size that matters;
            noise of 360 x 480 by default.
        images: how many there will be, where known: an export is made where it takes less than it is likely to save.
        folder: where exports are kept; the cache by default.

    Raises:
        UserError: the backend named is not to be had.
    """
    if kind != "auto":
        backend = load_backend(kind, network, precision=precision, threads=threads, folder=folder)
        return Choice(backend, f"backend {backend.name}, as asked for")
    plain = PaddleBackend(network)
    if not next(iter(network.parameters())).place.is_cpu_place():
        return Choice(plain, "backend dygraph: the network is on a GPU, the other backends are for CPUs")
    if probe is None:
        probe = np.random.default_rng(0).standard_normal((1, network.in_channels, 360, 480)).astype(np.float32)
    folder = Path(folder) if folder else cache_folder(network)
    record = folder / f"choice_{precision}_{'x'.join(str(s) for s in probe.shape)}.json"
    threads = threads or threads_in_force()
    machine = [processor(), available_cores(), threads, _versions()]
    kept = read_json(record)
    if kept.get("machine") != machine or "backend" not in kept:
        seconds, _ = _timed(plain, probe, runs=1)
        if images is not None and images * seconds * USUAL_SAVING < EXPORT_SECONDS + RACE_RUNS * seconds:
            return _without_export(
                network, precision, f"{_count(images)} about {images * seconds:.1f} s, an export would not pay"
            )
        kept = {"machine": machine, **_race(network, precision, probe, threads, folder, seconds)}
        write_json(record, kept)
    elif images is not None and images * kept["saves"] < kept["opens_in"]:
        return _without_export(network, precision, f"{_count(images)} less time without the export")
    return _open(kept, plain, network, threads, folder)


def _without_export(network, precision: str, why: str) -> Choice:
    """The network itself, in the precision asked for where that can be had."""
    backend = PaddleBackend(network)
    if precision == "bf16":
        try:
            backend = PaddleBackend(network, precision)
        except EnvironmentProblem as e:
            why += f"; {e}"
    return Choice(backend, f"backend {backend.name}: {why}")


def _open(kept: dict, plain: PaddleBackend, network, threads, folder) -> Choice:
    """The winner of a race, now or of an earlier process."""
    if kept["backend"] == "dygraph fp32":
        return Choice(plain, kept["reason"])
    kind, precision = kept["backend"].split()
    try:
        backend = load_backend(kind, network, precision=precision, threads=threads, folder=folder)
        return Choice(WithSubstitute(backend, plain), kept["reason"])
    except UserError as e:
        return Choice(plain, f"backend dygraph fp32: {e}")


def _candidates(precision: str) -> list[tuple[str, str]]:
    """Backends worth a try. Paddle's static graph runs Paddle's own kernels: only where there is no other."""
    missing = available()
    kinds = [kind for kind in ("openvino", "onnxruntime") if not missing[kind]]
    found = [(kind, "fp32") for kind in kinds] or [("static", "fp32")]
    return (
        [*([("openvino", "bf16")] if "openvino" in kinds else []), ("dygraph", "bf16"), *found]
        if precision == "bf16"
        else found
    )


def _race(network, precision: str, probe: np.ndarray, threads, folder, plain_seconds: float) -> dict:
    """Try the candidates on the probe: the fastest that agrees, why, and what it saves a run."""
    with eval_mode(network):
        reference = PaddleBackend(network)(probe)
    best = {"backend": "dygraph fp32", "seconds": plain_seconds, "agreement": "", "opens_in": 0.0}
    notes: list[str] = []
    for kind, how in _candidates(precision):
        if how == "fp32" and best["backend"].endswith("bf16"):
            continue  # bf16 was asked for and is there
        try:
            load_backend(kind, network, precision=how, threads=threads, folder=folder)(probe)  # writes the export
            started = time.perf_counter()
            backend = load_backend(kind, network, precision=how, threads=threads, folder=folder)
            backend(probe)
            opens_in = time.perf_counter() - started
            seconds, logits = _timed(backend, probe)
            agreement = compare(reference, logits)
        except Exception as e:  # a backend of any make may fail in any way; the network itself is always there
            notes.append(_line(e) if isinstance(e, EnvironmentProblem) else f"{kind} {how} failed: {_line(e)}")
        else:
            if not agreement.good(how):
                notes.append(f"{kind} {how} is not used: {agreement}")
            elif seconds < best["seconds"] or how == "bf16" != best["backend"].split()[1]:
                best = {"backend": backend.name, "seconds": seconds, "agreement": str(agreement), "opens_in": opens_in}
    if all(available()[kind] for kind in ("openvino", "onnxruntime")):
        notes.append("openvino and onnxruntime are not installed (requirements-fast.txt)")
    if best["backend"] == "dygraph fp32":
        reason = "backend dygraph fp32: " + ("; ".join(notes) or "none is faster")
    else:
        reason = (
            f"backend {best['backend']}: {1e3 * best['seconds']:.0f} ms where dygraph fp32 takes "
            f"{1e3 * plain_seconds:.0f}; {best['agreement']}" + (f" ({'; '.join(notes)})" if notes else "")
        )
    return {
        "backend": best["backend"],
        "reason": reason,
        "saves": plain_seconds - best["seconds"],
        "opens_in": best["opens_in"],
    }


def _count(images: int) -> str:
    return "1 image takes" if images == 1 else f"{images} images take"


def _line(e: Exception) -> str:
    text = str(e).strip()
    return text.splitlines()[0][:200] if text else type(e).__name__


def _timed(backend: Callable, probe: np.ndarray, runs: int = _TIMED_RUNS) -> tuple[float, np.ndarray]:
    """Median seconds after one run for warming up, and the logits."""
    logits, times = backend(probe), []
    for _ in range(runs):
        started = time.perf_counter()
        backend(probe)
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
