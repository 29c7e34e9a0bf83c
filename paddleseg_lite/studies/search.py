"""Each variant at its best setting before it is compared: ``search:`` in a study file, by Optuna.

::

    search:
      space:                                                  # for every variant
        lr_scheduler.learning_rate: {low: 3.0e-4, high: 3.0e-2, log: true}
        model.context.norm: [batch, none]                     # a list is a choice
      also:                                                   # for one value of the compared factor
        GCU: {model.context.num_nodes: {low: 4, high: 64, step: 4}}
      trials: 12                                              # for each variant: the same effort for all
      seeds: [100]                                            # none of the study's own
      batch: 4                                                # drawn before any of them is known
      prune: {first: 250, factor: 3}                          # optional: see pruning.py

Trials are drawn ``batch`` by batch by Optuna's TPE sampler from a fixed seed, and a batch is told in the order in which
it was drawn. So the trials depend on the results alone, not on how many run at a time or where: a search that was
broken off, or that two commands work on, draws the same ones again, and nothing is trained twice (with ``prune`` it is
the results that depend on who came first). A trial that fails or is ended early counts as the worst.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, EnvironmentProblem, nearest
from ..files import read_json, write_json
from .expanding import build, expand, name_of, variants
from .layout import read_result
from .pruning import parse_pruning
from .results import value_of
from .study import Run, Study, parse_seeds

KEYS = ("space", "also", "trials", "seeds", "batch", "prune")
RECORD = "search.json"
STARTUP = 5  # trials drawn at random before the sampler learns from them


@dataclass(frozen=True)
class Search:
    """A parsed ``search``; see above."""

    space: Mapping[str, Any]
    also: Mapping[str, Mapping[str, Any]]
    trials: int
    seeds: list[int]
    batch: int = 4
    prune: Mapping[str, int] | None = None

    def describe(self) -> dict[str, Any]:
        """As it would be written in YAML."""
        return {k: v for k, v in asdict(self).items() if v}

    def dimensions(self, value: str) -> dict[str, Any]:
        """What is searched for a value of the compared factor."""
        return {**self.space, **self.also.get(value, {})}


@dataclass
class Trial:
    """One setting that was tried.

    Attributes:
        variant: its name (:func:`.expanding.name_of`).
        settings: config path -> value.
        value: mean of the metric over the search's seeds; None where there is none.
        note: why there is none.
    """

    variant: str
    settings: dict[str, Any]
    value: float | None = None
    note: str = ""
    keys: list[str] = field(default_factory=list)


def parse_search(spec: Any, seeds: Sequence[int], where: str) -> Search | None:
    """The ``search`` of a study file; None where there is none.

    Raises:
        ConfigError: a key, dimension or number is wrong, or a seed is also one of the study's.
    """
    if spec is None:
        return None
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where} is {{space: {{config path: range}}, trials: 12, seeds: [100]}}, got {spec!r}.")
    for key in spec:
        if key not in KEYS:
            raise ConfigError(f"{where} has no key '{key}'.{nearest(str(key), KEYS)}")
    space, also = spec.get("space") or {}, spec.get("also") or {}
    if not isinstance(space, Mapping) or not isinstance(also, Mapping) or not (space or also):
        raise ConfigError(f"{where}.space is {{config path: {{low: 1.0e-4, high: 1.0e-2, log: true}}}}, got {space!r}.")
    for part in (space, *also.values()):
        for path, dimension in part.items():
            _check_dimension(dimension, f"{where}: {path}")
    for key, default in (("trials", 12), ("batch", 4)):
        if not isinstance(spec.get(key, default), int) or spec.get(key, default) < 1:
            raise ConfigError(f"{where}.{key} is a whole number of at least 1, got {spec[key]!r}.")
    own = parse_seeds(spec.get("seeds"), f"{where}.seeds")
    both = sorted(set(own) & set(seeds))
    if both:
        raise ConfigError(
            f"{where}.seeds: {both} are seeds of the study as well. What was chosen because it did well with a seed "
            "is confirmed by other seeds only."
        )
    parse_pruning(spec.get("prune"), f"{where}.prune")
    return Search(dict(space), dict(also), spec.get("trials", 12), own, spec.get("batch", 4), spec.get("prune"))


def _check_dimension(dimension: Any, where: str) -> None:
    if isinstance(dimension, list) and dimension and all(not isinstance(v, (list, dict)) for v in dimension):
        return
    good = isinstance(dimension, Mapping) and {"low", "high"} <= set(dimension) <= {"low", "high", "log", "step"}
    if not good:
        raise ConfigError(f"{where} is {{low: ..., high: ..., log: true or step: ...}} or a list, got {dimension!r}.")
    low, high = dimension["low"], dimension["high"]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (low, high))
    if not numbers or not low < high or (dimension.get("log") and low <= 0):
        raise ConfigError(f"{where}: low must lie below high (and above 0 where log: true), got {dimension!r}.")


def run_search(study: Study, folder: Path, run: Callable[[Study], None]) -> list[Trial]:
    """Try every variant's settings; the record of them is kept in ``search.json``.

    Args:
        study: with a ``search``.
        folder: of the study.
        run: trains the runs of a study as far as they are not done (with ``prune`` of the search).
    """
    search = study.search
    samplers = {name_of(v): _sampler(number) for number, v in enumerate(variants(study))}
    trials: list[Trial] = []
    while len(trials) < search.trials * len(samplers):
        tried = len(trials) // len(samplers)
        drawn, runs = [], []
        for levels in variants(study):
            for _ in range(min(search.batch, search.trials - tried)):
                asked = samplers[name_of(levels)].ask()
                settings = {p: _suggest(asked, p, d) for p, d in search.dimensions(levels[study.compare]).items()}
                own = _runs(study, levels, settings)
                trials.append(Trial(name_of(levels), settings, keys=[r.key for r in own]))
                drawn.append((asked, trials[-1], own))
                runs += own
        seeds = list(search.seeds)
        run(replace(study, runs=runs, seeds=seeds, search=None, prune=search.prune))
        for asked, trial, own in drawn:
            _take_in(study, folder, trial, own)
            _tell(samplers[trial.variant], asked, trial.value)
        write_json(folder / RECORD, {"trials": [asdict(t) for t in trials], "settings": best_settings(trials)})
    return trials


def _runs(study: Study, levels: Mapping[str, str], settings: Mapping[str, Any]) -> list[Run]:
    config, error = build(study, levels, settings)
    return [Run(levels, s, None if config is None else replace(config, seed=s), error) for s in study.search.seeds]


def _take_in(study: Study, folder: Path, trial: Trial, runs: Sequence[Run]) -> None:
    """The value of a trial, or why it has none."""
    values = []
    for run in runs:
        result = read_result(folder, run)
        if result is None:
            raise EnvironmentProblem(f"the search is not finished: {run.label} has not ended. Call the study again.")
        value = value_of(study.metric, result) if result["status"] == "done" else result["reason"]
        if isinstance(value, str):
            trial.note = value.splitlines()[0]
            return
        values.append(value)
    trial.value = float(np.mean(values))


def best_settings(trials: Sequence[Trial]) -> dict[str, dict[str, Any]]:
    """For each variant the settings of its best trial (the first of equals); variants without a value are absent."""
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.value is not None and (trial.variant not in best or trial.value > best[trial.variant].value):
            best[trial.variant] = trial
    return {name: trial.settings for name, trial in best.items()}


def read_trials(folder: Path) -> list[Trial]:
    """What ``search.json`` holds; none where the search has not begun."""
    return [Trial(**trial) for trial in read_json(folder / RECORD).get("trials", [])]


def confirmation(study: Study, trials: Sequence[Trial]) -> Study:
    """The study itself: its own seeds, each variant with the settings that were found for it."""
    settings = best_settings(trials)
    runs = []
    for run in expand(study, study.seeds, settings):
        lost = name_of(run.levels) not in settings
        why = "no trial of its search has a value" if trials else "its search has not ended"
        runs.append(replace(run, config=None, error=why) if lost else run)
    return replace(study, runs=runs)


def _sampler(seed: int):
    """An Optuna study that draws the same trials for the same values.

    Raises:
        EnvironmentProblem: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise EnvironmentProblem(
            'a study with search: needs Optuna: pip install -r requirements-search.txt (or "paddleseg_lite[search]").'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant_liar is called experimental: it keeps a batch from being one point
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True)
    return optuna.create_study(direction="maximize", sampler=sampler)


def _suggest(trial, path: str, dimension: Any) -> Any:
    if isinstance(dimension, list):
        return trial.suggest_categorical(path, dimension)
    low, high, log = dimension["low"], dimension["high"], bool(dimension.get("log"))
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(path, low, high, step=dimension.get("step", 1), log=log)
    return trial.suggest_float(path, float(low), float(high), step=dimension.get("step"), log=log)


def _tell(sampler, trial, value: float | None) -> None:
    from optuna.trial import TrialState

    if value is None or math.isnan(value):
        sampler.tell(trial, state=TrialState.PRUNED)  # to the sampler: worse than all that ended
    else:
        sampler.tell(trial, value)
