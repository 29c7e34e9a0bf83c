"""What a reference network gave at chosen places, kept small: samples of every output, and how to find it here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SAMPLES = 1200  # of each output, evenly spread
FOLDER = Path(__file__).parent


class Taps:
    """Collects the outputs of reference networks and writes them beside this file."""

    def __init__(self) -> None:
        self.arrays, self.cases = {}, {}

    def add(self, name: str, outputs: Mapping[str, np.ndarray], places: Mapping[str, tuple[str, str]], **facts) -> None:
        """Keep one network.

        Args:
            outputs: ``{key: array [N, C, H, W] or [N, K]}``.
            places: ``{key: (what it is called on the page, the layer it comes from here)}``.
            **facts: how to build and fill the network here: spec, num_classes, image, gains, parameters.
        """
        taps = {}
        for key, value in outputs.items():
            title, layer = places[key]
            step = max(1, value.size // SAMPLES)
            self.arrays[f"{name}.{key}"] = value.reshape(-1)[::step]
            taps[key] = {"title": title, "layer": layer, "step": step, "shape": list(value.shape)}
            print(f"{name:18s} {key:12s} {list(value.shape)!s:22s} mean {value.mean():8.3f} std {value.std():7.3f}")
        self.cases[name] = {**facts, "taps": taps}

    def save(self, file: str) -> None:
        path = FOLDER / file
        np.savez_compressed(path, index=json.dumps(self.cases), **self.arrays)
        print(path, path.stat().st_size, "bytes")


def read(file: str) -> tuple[dict, Mapping[str, np.ndarray]]:
    """``(cases, arrays)`` of a file that :class:`Taps` wrote."""
    arrays = np.load(FOLDER / file)
    return json.loads(str(arrays["index"])), arrays
