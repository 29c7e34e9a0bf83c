"""Sampled outputs of reference networks, and the file that tests/interop/goldens.py reads (NumPy only)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

SAMPLES = 300  # of each output, evenly spread


class Samples:
    """Collects cases and writes them.

    Args:
        classes, gains: the number of classes and formula.py's gains that fill the networks.
    """

    def __init__(self, classes: int, gains: Mapping[str, float]):
        self.classes, self.gains = classes, gains
        self.arrays, self.index = {}, {}

    def add(self, name: str, outputs: Mapping[str, Sequence[np.ndarray]], **facts) -> None:
        """Keep samples of the outputs of each mode, and ``facts`` about the network."""
        steps = {}
        for mode, values in outputs.items():
            for i, value in enumerate(values):
                key = f"{mode}_{i}"
                steps[key] = max(1, value.size // SAMPLES)
                self.arrays[f"{name}.{key}"] = value.reshape(-1)[:: steps[key]]
                print(f"{name:12s} {key:8s} mean {value.mean():8.3f} std {value.std():8.3f}")
        self.index[name] = {"steps": steps, **facts}

    def save(self, file: str) -> None:
        """Write the file beside this one."""
        path = Path(__file__).with_name(file)
        content = {"classes": self.classes, "gains": self.gains, "cases": self.index}
        text = np.frombuffer(json.dumps(content).encode(), np.uint8)
        np.savez_compressed(path, index=text, **self.arrays)
        print(path, path.stat().st_size, "bytes")
