"""What the registries hold: the parts of the package, and a user's own of ``--with FILE``.

Every part says at its registration how a small version of it is built; a new one is found here by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paddleseg_lite.data import write_png
from paddleseg_lite.registry import (
    BACKBONES,
    CONTEXTS,
    DATASETS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    SCHEDULERS,
    TRANSFORMS,
    Registry,
)
from tests.contracts.forms import CONTEXT_FORMS, LOSS_FORMS, MODEL_FORMS, TRANSFORM_FORMS

OWN_MODULES: set[str] = set()  # of the files given by --with; see tests/conftest.py
FORMS = {id(MODELS): MODEL_FORMS, id(CONTEXTS): CONTEXT_FORMS, id(LOSSES): LOSS_FORMS, id(TRANSFORMS): TRANSFORM_FORMS}
REGISTRIES = {r.kind: r for r in (MODELS, BACKBONES, CONTEXTS, LOSSES, DATASETS, TRANSFORMS, OPTIMIZERS, SCHEDULERS)}


def names(registry: Registry) -> list[str]:
    """Registered names, without what other tests have registered."""
    own = lambda module: module.startswith("paddleseg_lite.") or module in OWN_MODULES  # noqa: E731
    return [name for name in registry.names() if own(registry.get(name).__module__)]


def specs(registry: Registry) -> dict[str, dict[str, Any]]:
    """Small versions by the name of a test: those that the parts tell, and further forms of some."""
    return {**{name: registry.small(name) for name in names(registry)}, **FORMS.get(id(registry), {})}


def every(registry: Registry):
    """A test for every part of a kind, by its small spec."""
    found = specs(registry)
    return pytest.mark.parametrize("spec", list(found.values()), ids=list(found))


def on_disk(spec: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The spec with real folders in place of mappings that stand for one."""
    return {k: str(write_files(folder / k, v)) if is_folder(v) else v for k, v in spec.items()}


def is_folder(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all("." in Path(name).name for name in value)


def write_files(root: Path, files: dict[str, Any]) -> Path:
    """Write a folder: None is a picture, a list the ids of a label, a string the text of a list."""
    rng = np.random.default_rng(0)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
            continue
        pixels = rng.integers(0, 256, (12, 20, 3)) if content is None else rng.choice(content, (12, 20))
        if content is not None:
            pixels.flat[: len(content)] = content  # every id at least once
        if path.suffix == ".png":
            write_png(path, pixels.astype(np.uint8))
        else:
            import cv2

            cv2.imwrite(str(path), pixels.astype(np.uint8))
    return root
