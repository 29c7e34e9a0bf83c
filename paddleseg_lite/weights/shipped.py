"""Networks that come with the package: ``load("quick_start")`` answers without a training or a download.

Each is a folder of ``paddleseg_lite/shipped`` in the form of a checkpoint, with a README that is its card (what it was
trained on, its score, its licence). Weights are kept as float16, half the size; they are computed with as float32.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "shipped"


@lru_cache(maxsize=1)
def shipped() -> dict[str, Path]:
    """``{"quick_start": folder, ...}``."""
    return {manifest.parent.name: manifest.parent for manifest in sorted(FOLDER.glob("*/manifest.json"))}


def find_shipped(name: str | os.PathLike) -> Path | None:
    """The folder of the network of that name; None for other names, or where such a file is at hand."""
    text = os.fspath(name)
    return shipped().get(text) if not os.path.exists(text) else None
