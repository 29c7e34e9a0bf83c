"""Losses as a recipe lists them, by the outputs of the network they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ConfigError
from .schema import Spec


def translate_loss(loss: Any, where: Callable[[str], str] = str) -> dict[str, Spec]:
    """PaddleSeg's ``{types: [...], coef: [...]}`` -> ``{out: {type, coef}, aux: {...}}``; named losses pass through.

    PaddleSeg pairs losses with a model's outputs by position: the main output
    first, then auxiliary ones; a single type is repeated for every coefficient.
    """
    if not isinstance(loss, Mapping):
        raise ConfigError(
            f"{where('loss')}: loss must be a mapping of output names, e.g. {{out: {{type: CrossEntropyLoss}}}}."
        )
    if "types" not in loss and "coef" not in loss:
        named = {}
        for name, spec in loss.items():
            spec = {"type": spec} if isinstance(spec, str) else spec
            if not isinstance(spec, Mapping) or "type" not in spec:
                raise ConfigError(
                    f"{where(f'loss.{name}')}: loss '{name}' must be a name or {{type: NAME, ...}}, got {spec!r}."
                )
            named[name] = dict(spec)
        return named
    unknown = [key for key in loss if key not in ("types", "coef")]
    if unknown:
        raise ConfigError(f"{where(f'loss.{unknown[0]}')}: a loss with types/coef has no key '{unknown[0]}'.")
    if "types" not in loss or "coef" not in loss:
        there = "types" if "types" in loss else "coef"
        raise ConfigError(f"{where(f'loss.{there}')}: a loss list needs both 'types' and 'coef'.")
    specs, coefs = loss["types"], loss["coef"]
    if not isinstance(specs, list) or not all(isinstance(s, (str, Mapping)) for s in specs) or not specs:
        raise ConfigError(f"{where('loss.types')}: loss.types is a list of {{type: NAME, ...}}, got {specs!r}.")
    if not isinstance(coefs, list) or not all(isinstance(c, (int, float)) for c in coefs):
        raise ConfigError(f"{where('loss.coef')}: loss.coef is a list of numbers, got {coefs!r}.")
    if len(specs) == 1:
        specs = specs * len(coefs)
    if len(specs) != len(coefs):
        raise ConfigError(
            f"{where('loss.coef')}: {len(specs)} loss types but {len(coefs)} coefficients; one coefficient for each."
        )
    names = ["out", "aux", *(f"aux{i}" for i in range(2, len(specs)))][: len(specs)]
    return {n: _with_coef({"type": s} if isinstance(s, str) else dict(s), c) for n, s, c in zip(names, specs, coefs)}


def _with_coef(spec: Spec, coef: float) -> Spec:
    """Set the factor of a loss; a MixedLoss has a list of its own under that key, which is multiplied."""
    own = spec.get("coef")
    return {**spec, "coef": [coef * c for c in own] if isinstance(own, list) else coef}
