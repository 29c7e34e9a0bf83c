"""The runs of a study: every combination of values with every seed."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import Config, check_components, parse_config
from ..config.reading import read_tree, set_key, set_option
from ..errors import ConfigError
from .study import Run, Study


def variants(study: Study) -> list[dict[str, str]]:
    """All combinations of values, the baseline's first."""
    found = [dict(zip(study.factors, names)) for names in itertools.product(*study.factors.values())]
    return sorted(found, key=lambda levels: levels[study.compare] != study.baseline)


def expand(study: Study, seeds: Sequence[int], settings: Mapping[str, Mapping[str, Any]] | None = None) -> list[Run]:
    """All runs, the baseline's first and seed by seed, so that an interrupted study is useful early.

    Args:
        study: its factors.
        seeds: of the runs.
        settings: for some variants (as :func:`name_of` names them) config paths and values on top.
    """
    built = []
    for levels in variants(study):
        extra = (settings or {}).get(name_of(levels), {})
        built.append((levels, *build(study, levels, extra)))
    return [
        Run(levels, seed, None if config is None else _seeded(config, seed), error)
        for seed in seeds
        for levels, config, error in built
    ]


def _seeded(config: Config, seed: int) -> Config:
    """The recipe of one seed; ``{seed}`` in a text of its network (a path of weights) becomes its number."""

    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [filled(inner) for inner in value]
        return value.replace("{seed}", str(seed)) if isinstance(value, str) else value

    return replace(config, seed=seed, model=filled(config.model))


def name_of(levels: Mapping[str, str]) -> str:
    """A variant's name, for files and tables of settings."""
    return json.dumps(dict(sorted(levels.items())), ensure_ascii=False)


def build(study: Study, levels: Mapping[str, str], extra: Mapping[str, Any]) -> tuple[Config | None, str | None]:
    """The recipe of a variant with ``extra`` paths set, or why there is none."""
    tree, origins = read_tree(Path(study.base))
    try:
        for text in study.opts:
            set_option(tree, text, origins)
        for factor, level in levels.items():
            for key, value in study.factors[factor][level].items():
                set_key(tree, key, copy.deepcopy(value), origins, source=f"factor {factor}={level}")
        for key, value in extra.items():
            set_key(tree, key, value, origins, source="search")
        config = parse_config(tree, origins=origins, source=study.base)
        check_components(config, origins=origins, source=study.base)
    except ConfigError as e:
        return None, str(e)
    return config, None
