"""The constructions that the pickle of a weights file may ask for, each by its name in the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import PendingArray, PendingDtype, array_from_bytes
from .reading import Damaged, Refused

_KEY_TYPES = (str, int, float, bool, bytes, type(None))


class Symbol:
    """A global of the file that is known here, by its canonical name."""

    def __init__(self, name: str):
        self.name = name


def _reconstruct(args):
    if len(args) != 3 or not isinstance(args[0], Symbol) or args[0].name != "numpy.ndarray":
        raise Refused("an array of a subclass of numpy.ndarray")
    return PendingArray()


def _dtype(args):
    if not args or not isinstance(args[0], str):
        raise Damaged("a dtype")
    return PendingDtype(args[0])


def _scalar(args):
    if len(args) != 2 or not isinstance(args[0], PendingDtype):
        raise Damaged("a numpy scalar")
    return array_from_bytes(args[1], args[0].dtype, ()).item()


def _frombuffer(args):  # protocol 5
    if len(args) != 4 or not isinstance(args[1], PendingDtype) or args[3] not in ("C", "F"):
        raise Damaged("an array")
    return array_from_bytes(args[0], args[1].dtype, args[2], args[3])


def _encode(args):  # how protocol 2 carries bytes
    if len(args) != 2 or not isinstance(args[0], str) or args[1] not in ("latin1", "latin-1"):
        raise Damaged("a byte string")
    return args[0].encode("latin1")


def _sequence(kind):
    def make(args):
        if len(args) > 1 or (args and not isinstance(args[0], (list, tuple, set, frozenset, bytes, bytearray))):
            raise Damaged(f"a {kind.__name__}")
        return kind(*args)

    return make


def _mapping(args):
    if not args:
        return {}
    if len(args) == 1 and isinstance(args[0], (list, tuple)):
        return dict(_checked_pair(pair) for pair in args[0])
    raise Damaged("an OrderedDict")


def _checked_pair(pair):
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise Damaged("an OrderedDict")
    return plain_key(pair[0]), pair[1]


def _paddle_dense_tensor(args):
    """``paddle.save`` writes a DenseTensor as ``eval("data", {"data": array})``: read as just that array."""
    if len(args) == 2 and args[0] == "data" and isinstance(args[1], dict) and list(args[1]) == ["data"]:
        value = args[1]["data"]
        if isinstance(value, (PendingArray, np.ndarray)):
            return value
    raise Refused("builtins.eval")


def plain_key(value):
    if not isinstance(value, _KEY_TYPES):  # a nested tuple may take for ever to hash
        raise Damaged("a dictionary key that is not a plain value")
    return value


def _not_callable(args):
    raise Damaged("a call of something that is not called")


BASE_TABLE: dict[str, Callable[[tuple], Any]] = {
    "numpy.ndarray": _not_callable,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _mapping,
    "builtins.eval": _paddle_dense_tensor,
    "builtins.bytearray": _sequence(bytearray),
    "builtins.bytes": _sequence(bytes),
    "builtins.tuple": _sequence(tuple),
    "builtins.list": _sequence(list),
}
for _core in ("numpy.core", "numpy._core"):
    BASE_TABLE[f"{_core}.multiarray._reconstruct"] = _reconstruct
    BASE_TABLE[f"{_core}.multiarray.scalar"] = _scalar
    BASE_TABLE[f"{_core}.numeric._frombuffer"] = _frombuffer
