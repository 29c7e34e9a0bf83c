"""Networks by name, a few of them in memory, and one thread in which everything is computed.

One thread, because visitors then come in turn, because backends need not be thread-safe, and because what Paddle and
glibc keep for each thread is kept once: memory stays where it is.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import ConfigError
from ..export import available, choose_backend
from ..export.deploy import FILE, Deployment
from ..export.onnx.trace import can_trace
from ..inference.predictor import Loaded, load
from .library import NETWORK, Library

KEPT = 3  # networks in memory
BACKENDS = ("dygraph", "static", "openvino", "onnxruntime")
PRECISIONS = ("fp32", "bf16")
T = TypeVar("T")


@dataclass
class Network:
    """A run or a deployment, ready to predict.

    Attributes:
        loaded: of a run; None of a deployment.
        deployment: the other way round.
    """

    name: str
    loaded: Loaded | None
    deployment: Deployment | None
    _opened: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    @property
    def class_names(self) -> list[str]:
        return list(self.loaded.class_names if self.loaded else self.deployment.about.classes)

    @property
    def palette(self) -> np.ndarray:
        """uint8 RGB ``[K, 3]``."""
        return self.loaded.palette if self.loaded else np.asarray(self.deployment.about.palette, np.uint8)

    @property
    def channels(self) -> int:
        """Bands of a picture."""
        return self.loaded.model.in_channels if self.loaded else int(self.deployment.about.input["shape"][1])

    @property
    def open(self) -> Loaded:
        """The network with its layers.

        Raises:
            ConfigError: it is a deployment, which has none.
        """
        if self.loaded is None:
            raise ConfigError(f"{self.name} is a deployment, whose layers cannot be looked at: take the run it is of.")
        return self.loaded

    def backends(self) -> list[str]:
        """What can compute it here."""
        missing = available()
        if self.deployment is not None:
            fits = ("openvino", "onnxruntime") if self.deployment.about.format == "onnx" else ("static",)
            return [kind for kind in fits if not missing[kind]]
        if not self.loaded.model.same_size:
            return ["dygraph"]  # cuts its output, which no export does
        made = BACKENDS if can_trace() else ("dygraph", "static")
        return [kind for kind in made if not missing[kind]]

    def labels(self, image: np.ndarray, backend: str, precision: str) -> tuple[np.ndarray, float, str]:
        """Class ids ``[H, W]``, the milliseconds they took, and what computed them.

        Raises:
            UserError: that backend, or precision, is not to be had.
        """
        computes = self._computes(backend, precision)
        started = time.perf_counter()
        if self.deployment is not None:
            labels, name = self.deployment.predict(image, computes), computes.name
        else:
            chosen = self.loaded if computes is None else replace(self.loaded, backend=computes)
            labels, name = chosen.predict(image).labels, chosen.backend.name
        return labels, 1e3 * (time.perf_counter() - started), name

    def _computes(self, backend: str, precision: str) -> Any:
        """What computes; None for the network itself."""
        if self.deployment is not None and backend == "dygraph":
            backend = "auto"  # what a page offers before it knows what was chosen
        if self.deployment is None and (backend, precision) == ("dygraph", "fp32"):
            return None
        if backend not in (*BACKENDS, "auto") or (self.loaded and backend not in self.backends()):
            raise ConfigError(f"backend '{backend}' does not compute {self.name} here: {', '.join(self.backends())}.")
        if (backend, precision) not in self._opened:
            if self.deployment is not None:
                computes = self.deployment.backend(backend, precision=precision)
            else:
                computes = choose_backend(self.loaded.model, backend, precision=precision).backend
            self._opened[backend, precision] = computes
        return self._opened[backend, precision]


class Networks:
    """The networks of a library: loaded when they are first asked for, the least used dropped.

    :meth:`run` puts a piece of work into the one thread; everything else here belongs into such work.
    """

    def __init__(self, library: Library, *, kept: int = KEPT) -> None:
        self.library, self.kept = library, kept
        self._loaded: OrderedDict[tuple[Path, float], Network] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="studio")

    def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of ``work(*arguments)``, computed after what others have asked for before."""
        if threading.current_thread().name.startswith("studio"):
            return work(*arguments)  # a part of such work
        return self._thread.submit(work, *arguments).result()

    def get(self, name: str) -> Network:
        """A network by its name.

        Raises:
            UserError: there is none, or its files are damaged.
        """
        path = self.library.path(NETWORK, name)
        key = path, _changed(path)
        if key not in self._loaded:
            for stale in [k for k in self._loaded if k[0] == path]:
                del self._loaded[stale]
            is_export = (path / FILE).is_file()
            self._loaded[key] = Network(
                name, None if is_export else load(path), Deployment.read(path) if is_export else None
            )
            while len(self._loaded) > self.kept:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def close(self) -> None:
        """End the thread after what is under way."""
        self._thread.shutdown()
        self._loaded.clear()


def _changed(path: Path) -> float:
    """When its weights were written last: a training that goes on makes a network anew."""
    manifests = [path / FILE, path / "best_model" / "manifest.json", *path.glob("iter_*/manifest.json")]
    return max((m.stat().st_mtime for m in manifests if m.is_file()), default=0.0)
