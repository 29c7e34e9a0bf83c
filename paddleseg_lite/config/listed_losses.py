"""Losses as a recipe lists them, by the outputs of the network they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from .schema import Spec


def translate_loss(loss: Any, where: str = "loss") -> dict[str, Spec]:
    """PaddleSeg's ``{types: [...], coef: [...]}`` -> ``{out: {type, coef}, aux: {...}}``; named losses pass through.

    PaddleSeg pairs losses with a model's outputs by position: the main output
    first, then auxiliary ones; a single type is repeated for every coefficient.
    """
    if not isinstance(loss, Mapping):
        raise ConfigError(f"{where}: loss must be a mapping of output names, e.g. {{out: {{type: CrossEntropyLoss}}}}.")
    if "types" not in loss and "coef" not in loss:
        named = {}
        for name, spec in loss.items():
            spec = {"type": spec} if isinstance(spec, str) else spec
            if not isinstance(spec, Mapping) or "type" not in spec:
                raise ConfigError(f"{where}: loss '{name}' must be a name or {{type: NAME, ...}}, got {spec!r}.")
            named[name] = dict(spec)
        return named
    unknown = set(loss) - {"types", "coef"}
    if unknown:
        raise ConfigError(f"{where}: a loss with types/coef has no key '{sorted(unknown)[0]}'.")
    if "types" not in loss or "coef" not in loss:
        raise ConfigError(f"{where}: a loss list needs both 'types' and 'coef'.")
    specs, coefs = list(loss["types"]), list(loss["coef"])
    if len(specs) == 1:
        specs = specs * len(coefs)
    if len(specs) != len(coefs):
        raise ConfigError(f"{where}: {len(specs)} loss types but {len(coefs)} coefficients; one coefficient for each.")
    names = ["out", "aux", *(f"aux{i}" for i in range(2, len(specs)))][: len(specs)]
    return {n: _with_coef({"type": s} if isinstance(s, str) else dict(s), c) for n, s, c in zip(names, specs, coefs)}


def _with_coef(spec: Spec, coef: float) -> Spec:
    """Set the factor of a loss; a MixedLoss has a list of its own under that key, which is multiplied."""
    own = spec.get("coef")
    return {**spec, "coef": [coef * c for c in own] if isinstance(own, list) else coef}
