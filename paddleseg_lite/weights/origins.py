"""Where weights come from, told by their names, and how other origins become ours.

An origin is registered with a ``detect`` function and, where one exists, a
converter. The signatures below know the common origins by their names alone; the module
that can convert one registers its converter under the same name. Those of
:mod:`paddleseg_lite.interop` are imported when they are first needed.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError

Detect = Callable[[Mapping[str, Any]], bool]
Convert = Callable[[Mapping[str, np.ndarray], Any], dict]

NATIVE = "native"
CONVERTERS = "paddleseg_lite.interop.converters"


@dataclass
class Origin:
    """One source of weights.

    Attributes:
        name: as in ``tools/convert.py --from NAME``.
        detect: whether a state dictionary looks like it.
        convert: ``f(state, layer) -> state`` in the names of ``layer`` (one of
            our networks or its pretrained part), or None.
    """

    name: str
    detect: Detect
    convert: Convert | None = None


ORIGINS: dict[str, Origin] = {}


def register(name: str, detect: Detect | None = None, convert: Convert | None = None) -> None:
    """Add an origin, or give a known one its converter (or another way to detect it)."""
    if name in ORIGINS:
        origin = ORIGINS[name]
        origin.detect, origin.convert = detect or origin.detect, convert or origin.convert
    elif detect is None:
        raise ValueError(f"origin {name} is new and needs a detect function.")
    else:
        ORIGINS[name] = Origin(name, detect, convert)


def plug_in() -> None:
    """Import the converters; they need the networks, which need this package."""
    importlib.import_module(CONVERTERS)


def detect_origin(state: Mapping[str, Any], expected: Mapping[str, Any] | None = None) -> str:
    """Name of the origin that a state dictionary looks like.

    Args:
        state: arrays by name.
        expected: the names and arrays of our layer, where there is one: a state
            that has most of these names with the right shapes is native
            whatever else it looks like.

    Returns:
        A key of :data:`ORIGINS`, or ``"native"``.
    """
    if expected:
        hits = sum(1 for k, v in expected.items() if k in state and tuple(state[k].shape) == tuple(v.shape))
        if hits >= 0.5 * min(len(expected), len(state)):
            return NATIVE
    if _has(state, r"^(backbone\.)?stages\.\d"):
        return NATIVE
    plug_in()
    for origin in ORIGINS.values():
        if origin.detect(state):
            return origin.name
    return NATIVE


def convert_from(name: str, state: Mapping[str, np.ndarray], layer: Any, *, source: str) -> dict[str, np.ndarray]:
    """Convert the weights of an origin to the names of ``layer``.

    Raises:
        CheckpointError: there is no converter for it.
    """
    origin = ORIGINS.get(name)
    if origin is None or origin.convert is None:
        raise CheckpointError(
            f"{source}: looks like {name}, and weights of that origin cannot be converted directly. "
            + convert_hint(name)
        )
    return origin.convert(state, layer)


def convert_hint(name: str) -> str:
    """The remedy for weights of another origin."""
    if name not in ORIGINS or ORIGINS[name].convert is None:
        known = ", ".join(origin.name for origin in ORIGINS.values() if origin.convert)
        return f"There is no converter for them (there is for {known}): save their arrays under our names, as .npz."
    return f"Convert them first: tools/convert.py --from {name}."


# -- signatures of the common origins ------------------------------------------------------------


def _has(state: Mapping[str, Any], pattern: str) -> bool:
    expression = re.compile(pattern)
    return any(expression.search(name) for name in state)


def _torch_statistics(state: Mapping[str, Any]) -> bool:
    return _has(state, r"\.running_(mean|var)$")


def _classifier_is_torch(state: Mapping[str, Any]) -> bool:
    """torch stores a linear layer [out, in], Paddle [in, out]; the bias tells which is out."""
    for name in ("fc", "classifier.6", "classifier.1", "classifier"):
        weight, bias = state.get(f"{name}.weight"), state.get(f"{name}.bias")
        if weight is not None and bias is not None and len(weight.shape) == 2 and weight.shape[0] != weight.shape[1]:
            return weight.shape[0] == bias.shape[0]
    return False


def _is_torchvision(state):
    stems = r"^((backbone\.)?(conv1|layer1\.0\.conv1|features\.0(\.0)?)|backbone\.0\.0)\.weight$"
    return _has(state, stems) and (_torch_statistics(state) or _classifier_is_torch(state))


def _is_paddle_vision(state):
    stems = r"^(conv1\.weight|layer1\.0\.conv1\.weight|features\.0\.(0\.)?weight)$"
    return _has(state, stems) and not _torch_statistics(state) and not _classifier_is_torch(state)


def _is_paddleseg(state):
    return _has(state, r"(\._conv\.weight|\._batch_norm\._mean|^bb_list|_bn_func|^(head|decode_head|aux_head)\.)")


def _is_pytorch(state):
    return _torch_statistics(state)


def _is_caffe(state):
    return _has(state, r"^(conv1_1|conv1_1_3x3_s2|conv1_1/3x3_s2|res2a_branch1|fc6)([._/](weight|bias|w|b|0|1))?$")


register("paddleseg", _is_paddleseg)
register("torchvision", _is_torchvision)
register("caffe", _is_caffe)
register("pytorch", _is_pytorch)
register("paddle.vision", _is_paddle_vision)
