"""Before the first run: every variant is built, takes one step, opens its data; what the study will cost.

A mistyped unit would else train for minutes, or hours, before it fails, and a missing folder would fail every run.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import Config
from ..data.building import build_datasets
from ..doctor import Diagnosis
from ..doctor.rehearsal import rehearse
from ..errors import ConfigError, UserError
from ..inference.reduced import as_batch
from ..training.building import build_network
from .results import Record, read_records
from .study import Run, Study

STARTUP_SECONDS = 5.0  # of a run's process, before its first step
RESULT_BYTES = 100_000  # log, curve and result of a run that is over
SLOTS = {"adam": 2, "adamw": 2, "sgd": 1, "momentum": 1}  # numbers that an optimizer keeps for each parameter


@dataclass
class Estimate:
    """What the runs of one variant will take.

    Attributes:
        label: of the variant.
        runs: how many are left to do.
        parameters: of its network.
        step_seconds, eval_seconds: of one step and of one validation.
        seconds: of one run; from finished ones where there are any, else from the steps measured.
        measured: how many finished runs ``seconds`` comes from.
        bytes: of one run while it goes.
        problem: why it cannot be run; the whole message.
    """

    label: str
    runs: int
    parameters: int = 0
    step_seconds: float = math.nan
    eval_seconds: float = math.nan
    seconds: float = math.nan
    measured: int = 0
    bytes: int = 0
    problem: str | None = None


def examine_variants(
    study: Study, folder: Path, runs: Sequence[Run], *, progress: Callable[[str], None] = lambda line: None
) -> list[Estimate]:
    """One estimate, or problem, for every variant that has runs left; a variant that cannot be built has them all left.

    Args:
        study, folder: what has finished there tells the time best.
        runs: that are left.
        progress: receives a line per variant.
    """
    left: dict[str, list[Run]] = {}
    for run in [*(r for r in study.runs if r.error), *runs]:
        left.setdefault(json.dumps(dict(run.levels)), []).append(run)
    finished = _seconds_of(read_records(study, folder)) if folder.exists() else {}
    opened: dict[str, object] = {}
    found = []
    for levels, own in left.items():
        label = " ".join(f"{k}={v}" for k, v in own[0].levels.items())
        estimate = Estimate(label, len(own), problem=own[0].error)
        if own[0].config is not None:
            started = time.perf_counter()
            _examine(estimate, own[0].config, opened)
            progress(f"{label}: {estimate.problem or f'fits together ({time.perf_counter() - started:.0f} s)'}")
        if estimate.problem is None and levels in finished:
            estimate.seconds, estimate.measured = float(np.median(finished[levels])), len(finished[levels])
        found.append(estimate)
    return found


def _examine(estimate: Estimate, config: Config, opened: dict[str, object]) -> None:
    """One step of training, one picture of validation."""
    try:
        train, val = _data(config, opened)
        diagnosis = Diagnosis()
        rehearse(diagnosis, config, train, speed=True, notes=False)
        if not diagnosis.ok:
            estimate.problem = "; ".join(f.what for f in diagnosis.findings if f.level == "error")
            return
        network = build_network(config, train.num_classes)
        network.eval()
        estimate.parameters = sum(int(p.size) for p in network.parameters())
        seconds = _one_picture(network, val, train.num_classes)
    except UserError as e:
        estimate.problem = str(e)
        return
    except (ValueError, TypeError, RuntimeError) as e:  # a part of the user's own
        estimate.problem = f"{type(e).__name__}: {e}"
        return
    steps = config.iters or config.epochs * math.ceil(len(train) / config.batch_size)
    interval = config.save_interval or steps
    estimate.step_seconds = diagnosis.facts.get("step_seconds", math.nan)
    estimate.eval_seconds = seconds * len(val)
    evaluations = max(1, math.ceil(steps / interval)) if config.do_eval else 0
    estimate.seconds = STARTUP_SECONDS + steps * estimate.step_seconds + evaluations * estimate.eval_seconds
    slots = SLOTS.get(str(config.optimizer.get("type", "sgd")).lower(), 2)
    estimate.bytes = RESULT_BYTES + 4 * estimate.parameters * (2 + slots) * 2  # checkpoint and best; two while saving


def _data(config: Config, opened: dict[str, object]):
    """Training and validation data, opened and their first samples read; once for all variants that share them."""
    key = json.dumps([config.train_dataset, config.val_dataset], sort_keys=True, default=str)
    if key not in opened:
        try:
            train, val = build_datasets(config)
            if val is None:
                raise ConfigError("there is no val_dataset, so there is nothing to compare.")
            train.get(0, np.random.default_rng(0))
            val.get(0, None)
            opened[key] = (train, val)
        except UserError as e:
            opened[key] = e
    if isinstance(opened[key], UserError):
        raise opened[key]
    return opened[key]


def _one_picture(network, val, classes: int) -> float:
    """Seconds of one validation picture.

    Raises:
        ConfigError: the network's answer has another number of classes or another size.
    """
    import paddle

    image = as_batch(val.get(0, None))
    with paddle.no_grad():
        network(image)
        started = time.perf_counter()
        out = network(image)["out"]
        found = list(out.numpy().shape)
    wanted = [1, classes, *image.shape[2:]]
    if found != wanted:
        raise ConfigError(f"the network answers a validation picture with {found}, not {wanted} ([N, classes, H, W]).")
    return time.perf_counter() - started


def _seconds_of(records: Sequence[Record]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for record in records:
        if record.status == "done" and record.seconds is not None:
            found.setdefault(json.dumps(dict(record.run.levels)), []).append(record.seconds)
    return found


def refuse(estimates: Sequence[Estimate]) -> None:
    """Raise where a variant cannot be run.

    Raises:
        ConfigError: with the whole message of each.
    """
    broken = [e for e in estimates if e.problem]
    if broken:
        told = "\n".join(f"* {e.label}: {e.problem}" for e in broken)
        raise ConfigError(
            f"{len(broken)} of {len(estimates)} variants cannot be run, so the study was not started (--keep_going "
            f"starts the others, and leaves holes in the table):\n{told}"
        )


def plan_text(estimates: Sequence[Estimate], *, width: int, free: int) -> str:
    """The table of ``--dry_run``: runs, hours, disk.

    Args:
        width: runs at a time.
        free: bytes of the disk.
    """
    from .. import reports

    rows = [_plan_row(e) for e in estimates]
    good = [e for e in estimates if not e.problem]
    hours = sum(e.runs * e.seconds for e in good) / 3600
    longest = max((e.seconds for e in good), default=0.0) / 3600
    count = sum(e.runs for e in good)
    disk = sum(e.runs for e in good) * RESULT_BYTES + width * max((e.bytes for e in good), default=0)
    lines = [
        f"{count} runs to do: {hours:.2f} h one after the other, about {max(hours / width, longest):.2f} h with "
        f"{width} at a time",
        f"disk: {disk / 1e6:.0f} MB ({free / 1e9:.1f} GB are free); memory and threads: as one training, {width} times",
        "Times are those of this machine, now: from finished runs where there are any, else from two steps and one "
        "validation picture. Trials of a search are not counted." * bool(good),
    ]
    header = ["variant", "runs", "parameters", "s a step", "s a validation", "h a run", "from", "problem"]
    return reports.markdown_table(header, rows) + "\n\n" + "\n".join(filter(None, lines))


def _plan_row(e: Estimate) -> list[str]:
    if e.problem:
        return [e.label, str(e.runs), *["-"] * 5, e.problem.splitlines()[0]]
    source = f"{e.measured} finished runs" if e.measured else "steps measured"
    times = f"{e.step_seconds:.3f}", f"{e.eval_seconds:.1f}", f"{e.seconds / 3600:.3f}"
    return [e.label, str(e.runs), f"{e.parameters:,}", *times, source, ""]
