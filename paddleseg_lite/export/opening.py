"""A backend by its name, for a network or for a folder that was exported."""

from __future__ import annotations

from pathlib import Path

import paddle

from ..errors import ConfigError
from ..inference.backend import Backend
from ..registry import BACKENDS
from .backends import PRECISIONS
from .deploy import Deployment


def load_backend(
    kind: str,
    model: paddle.nn.Layer | str | Path,
    *,
    precision: str = "fp32",
    threads: int | None = None,
    folder: str | Path | None = None,
) -> Backend:
    """Make a backend.

    Args:
        kind: a name of ``BACKENDS`` (``auto`` is :func:`~.auto.choose_backend`).
        model: a network, or a folder that ``tools/export.py`` wrote (then not ``dygraph``).
        precision: ``fp32`` or ``bf16``.
        threads: by default those of Paddle.
        folder: where a network's exports are kept; the cache by default.

    Raises:
        ConfigError: an unknown kind, or one that does not fit the model.
        EnvironmentProblem: the package is missing, or the chip does not compute in that precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision '{precision}' is unknown to backends; one of {', '.join(PRECISIONS)}.")
    make = BACKENDS.get(kind)
    if isinstance(model, (str, Path)):
        return Deployment.read(model).backend(kind, precision=precision, threads=threads)
    return make(model, precision=precision, threads=threads, folder=None if folder is None else Path(folder))
