"""paddleseg_lite: understand, run and compare semantic-segmentation networks in PaddlePaddle.

Importing this package imports neither Paddle nor OpenCV and changes nothing in
the process; the names below are loaded when first used.
"""

from __future__ import annotations

import importlib

from .version import __version__

_PUBLIC = {
    "setup": "runtime",
    "load_config": "config",
    "build_model": "models",
    "load": "inference.predictor",
    "train": "training.trainer",
    "evaluate": "inference.evaluation",
    "predict": "inference.predictor",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name in _PUBLIC:
        try:
            return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
        except ImportError as e:
            from .errors import EnvironmentProblem, missing_library

            told = missing_library(e)
            if told is None:
                raise
            raise EnvironmentProblem(told) from e
    raise AttributeError(f"module 'paddleseg_lite' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
