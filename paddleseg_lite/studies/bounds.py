"""The scores that theory allows, as lines in a report's plots: given in the study, or computed for context scenes."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from .study import Study

TITLES = {
    "without_context": "no context",
    "cues_only": "pooled context",
    "one_lookup": "one look-up",
    "with_context": "all context",
}
SAMPLES = 300  # layouts that a bound is computed on


def bounds_of(study: Study, group: Mapping[str, str]) -> dict[str, float]:
    """``{name: value}`` for one group of a study; bounds of equal value share a name."""
    if study.bounds:
        return dict(study.bounds)
    if study.metric.measure != "accuracy" or tuple(study.metric.classes) != (1, 2):
        return {}
    data = _validation_data(study, group)
    kind = data.get("kind", "prior")
    if data.get("type") != "ContextScenes" or not isinstance(kind, str):
        return {}
    keys = ("difficulty", "cue_distance", "reliability", "hops")
    size = tuple(data.get("size", (96, 96)))
    found = _computed(kind, size, tuple(sorted((k, data[k]) for k in keys if k in data)))
    named: dict[float, list[str]] = {}
    for name, value in found:
        named.setdefault(round(value, 2), []).append(TITLES[name])
    return {", ".join(names): value for value, names in named.items()}


def _validation_data(study: Study, group: Mapping[str, str]) -> Mapping:
    levels = {**group, study.compare: study.baseline}
    run = next((r for r in study.runs if r.config is not None and dict(r.levels) == levels), None)
    return (run.config.val_dataset or {}) if run is not None else {}


@functools.lru_cache(maxsize=64)
def _computed(kind: str, size: tuple, settings: tuple) -> tuple[tuple[str, float], ...]:
    from ..data.datasets import bayes_optimal

    found = bayes_optimal(kind, size=size, samples=SAMPLES, **dict(settings))
    return tuple((name, scores["object_accuracy"]) for name, scores in found.items())
