"""Weights as files: fetch, read without executing, write, match to a network, tell where they come from.

May import: errors. Converters of other origins make themselves known (``origins``).
A new file format is a reader here, found by ``readers``.
"""

from __future__ import annotations

from . import origins
from .match import Match, compare, load_pretrained, load_strict
from .origins import ORIGINS, detect_origin
from .pretrained import apply_pretrained, in_names_of, set_fetcher
from .readers import read_object, read_weights, sniff
from .safetensors import write_safetensors
from .writers import write_pdparams

__all__ = [
    "ORIGINS",
    "Match",
    "apply_pretrained",
    "compare",
    "detect_origin",
    "in_names_of",
    "load_pretrained",
    "load_strict",
    "origins",
    "read_object",
    "read_weights",
    "set_fetcher",
    "sniff",
    "write_pdparams",
    "write_safetensors",
]
