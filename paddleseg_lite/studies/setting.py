"""What a report says of how its numbers came about: recipe, data, machines, versions, time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .results import Record
from .study import Study

VERSIONS = ("paddleseg_lite", "commit", "python", "paddle", "numpy", "opencv", "platform")
MACHINE = ("host", "cpu", "cores", "device", "threads")
Table = tuple[list[str], list[list[str]]]


def setting_table(study: Study, records: Sequence[Record]) -> Table:
    """Two columns: what, and which."""
    done = [r for r in records if r.seconds is not None]
    seconds = [r.seconds for r in done]
    counts = {s: sum(r.status == s for r in records) for s in ("done", "failed", "pruned", "not run")}
    rows = [
        ["base recipe", study.base],
        ["set on top of it", "; ".join(study.opts) or "nothing"],
        ["imports", "; ".join(study.imports) or "none"],
        ["runs", ", ".join(f"{count} {status}" for status, count in counts.items() if count)],
        ["seeds", ", ".join(map(str, study.seeds))],
        *_data(study),
        *([name, _all_of(records, (name,))] for name in VERSIONS),
        ["machines", _all_of(records, MACHINE)],
        ["wall time", _wall_time(records, seconds)],
    ]
    return ["", ""], rows


def _data(study: Study) -> list[list[str]]:
    """Of the baseline's recipe; where variants differ in it, the factors say how."""
    config = next((run.config for run in study.runs if run.config is not None), None)
    if config is None:
        return []
    length = f"{config.iters} iterations" if config.iters else f"{config.epochs} epochs"
    kernels = "" if config.cpu_accel == "fp32" else f" (cpu_accel: {config.cpu_accel})"
    how = f"{config.precision}{kernels}, validation {_interval(config)}"
    rows = [["training", f"{length} of {config.batch_size} images, {how}"]]
    for name in ("train_dataset", "val_dataset"):
        spec = dict(getattr(config, name) or {})
        spec.pop("transforms", None)
        rows.append([name.replace("_dataset", " data"), ", ".join(f"{k}={v}" for k, v in spec.items())])
    return rows


def _interval(config) -> str:
    return f"every {config.save_interval} iterations" if config.save_interval else "at the default interval"


def _all_of(records: Sequence[Record], names: Sequence[str]) -> str:
    """Every value that occurs, with its number of runs where there are several."""
    found: dict[tuple, int] = {}
    for record in records:
        if record.facts:
            value = tuple(record.facts.get(name) for name in names)
            found[value] = found.get(value, 0) + 1
    if not found:
        return "not recorded"
    texts = {value: _text(names, value) for value in found}
    if len(found) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{texts[value]} ({count} runs)" for value, count in found.items())


def _text(names: Sequence[str], values: Sequence[Any]) -> str:
    told = [str(v) if n not in ("cores", "threads") else f"{v} {n}" for n, v in zip(names, values) if v is not None]
    return ", ".join(told) or "none"


def _wall_time(records: Sequence[Record], seconds: Sequence[float]) -> str:
    if not seconds:
        return "nothing has run"
    starts = [r.started for r in records if r.started is not None]
    ends = [r.ended for r in records if r.ended is not None]
    text = f"{math.fsum(seconds) / 3600:.2f} h of runs, {min(seconds):.0f} to {max(seconds):.0f} s each"
    if starts and ends:
        text += f"; {(max(ends) - min(starts)) / 3600:.2f} h from the first start to the last end"
    return text
