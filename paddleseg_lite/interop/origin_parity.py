"""Does a converted network compute what its origin does? Outputs side by side, in eval and in train mode."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ..errors import EnvironmentProblem
from . import origin_outputs

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Comparison:
    """Largest differences between the origin's outputs and ours.

    Attributes:
        differences: mode and output (``"eval out"``, ``"train aux"``; modes of
            :mod:`.origin_outputs`) -> ``(largest difference, largest value)``.
        theirs: the origin's number of values: ``{"trainable", "total"}``.
    """

    differences: dict[str, tuple[float, float]]
    theirs: dict[str, int]

    @property
    def worst(self) -> float:
        """The largest difference of all, against values of at least 1."""
        return max(difference / max(1.0, size) for difference, size in self.differences.values())

    @property
    def equal(self) -> bool:
        """Whether all are within :data:`TOLERANCE`."""
        return bool(self.worst <= TOLERANCE)


def run_origin(job: Mapping[str, Any], *, python: str | None = None, timeout: float = 1800) -> dict[str, np.ndarray]:
    """Outputs of the origin's network, computed by another interpreter.

    Args:
        job: as :mod:`.origin_outputs` describes it, without ``output``.
        python: an interpreter that has the origin; this one by default.

    Raises:
        EnvironmentProblem: it cannot import the origin, or the origin failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, description = Path(folder) / "out.npz", Path(folder) / "job.json"
        description.write_text(json.dumps({**job, "output": str(output)}), encoding="utf-8")
        command = [python or sys.executable, origin_outputs.__file__, str(description)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise EnvironmentProblem(f"{command[0]}: {job['origin']} could not be run ({e}).") from e
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise EnvironmentProblem(
                f"{command[0]}: {job['origin']} did not run: {last}. To compare outputs, name an interpreter that "
                f"has {job['origin']} installed: --origin_python PYTHON."
            )
        with np.load(output) as found:
            return {name: found[name] for name in found.files}


def our_outputs(model: Any, x: np.ndarray, mode: str) -> list[tuple[str, np.ndarray]]:
    """Outputs of a network of ours by name, the main one first; computed in the dtype of ``x``."""
    model.eval() if mode == "eval" else model.train()
    for layer in model.sublayers():
        if origin_outputs.frozen(layer, mode):
            layer.eval()
    model.to(dtype=str(x.dtype))
    with paddle.no_grad():
        outputs = model(paddle.to_tensor(x))
    return [(name, outputs[name].numpy()) for name in sorted(outputs, key=lambda n: (n != "out", n))]


def compare_outputs(model: Any, x: np.ndarray, origin: Mapping[str, np.ndarray]) -> Comparison:
    """Our outputs for ``x`` beside the origin's, in order: the main one first, then the auxiliary."""
    differences = {}
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    for mode in origin_outputs.MODES:
        theirs = [origin[f"{mode}_{i}"] for i in range(sum(name.startswith(f"{mode}_") for name in origin))]
        outputs = our_outputs(model, x.astype(theirs[0].dtype), mode)
        for (name, ours), their in zip(outputs, theirs):
            same = ours.shape == their.shape
            gap = float(np.abs(ours - their).max()) if same else float("inf")
            differences[f"{mode} {name}"] = (gap, float(np.abs(their).max()))
        if len(outputs) != len(theirs):
            differences[f"{mode}: {len(outputs)} outputs here, {len(theirs)} there"] = (float("inf"), 1.0)
    model.to(dtype="float32")
    model.set_state_dict(state)  # the pass in train mode moved running statistics
    return Comparison(differences, {key: int(origin[key]) for key in ("trainable", "total")})
