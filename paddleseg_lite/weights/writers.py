"""Write weights: Paddle's own ``.pdparams`` (``paddle.load`` reads it) and ``.safetensors``."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..files import open_whole
from .safetensors import write_safetensors

__all__ = ["state_arrays", "write_pdparams", "write_safetensors"]


def write_pdparams(target: str | os.PathLike | BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a state dictionary as ``paddle.save(layer.state_dict(), path)`` does.

    Args:
        target: a path, written whole, or a file opened for writing bytes.
        state: name to Paddle tensor or array.
    """
    content: dict[str, Any] = state_arrays(state)
    # paddle.load turns into tensors the arrays that are named here
    content["StructuredToParameterName@@"] = {k: str(getattr(v, "name", k)) for k, v in state.items()}
    with open_whole(target) as f:
        pickle.dump(content, f, protocol=4)


def state_arrays(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays of a state dictionary; bfloat16 tensors as their bits in uint16 (Paddle's convention)."""
    return {k: np.asarray(v.numpy() if hasattr(v, "numpy") else v) for k, v in state.items()}
