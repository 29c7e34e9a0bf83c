"""Preregistration: ``--freeze`` writes down what a study will do before its first run; the report says if it did.

``frozen.json`` holds the plan (seeds, comparisons, metric, test, margin, search and a hash of every configuration)
and a hash of all of it, which can be published. It cannot prove when it was written: put the hash where others see it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..files import file_hash, write_json
from .expanding import expand
from .layout import read_result
from .results import Record
from .study import Study, describe

FILE = "frozen.json"


def plan_of(study: Study) -> dict[str, Any]:
    """What is frozen: a change of any of it is a change of the study.

    Configurations are those before a search, whose outcome is not known yet.
    """
    return {
        "study": yaml.safe_load(describe(study)),
        "base and overrides": [study.base.rpartition("/")[2], *study.opts],
        "configurations": sorted({run.key for run in expand(study, study.seeds) if run.config is not None}),
        "imports": {Path(file).name: file_hash(file) for file in study.imports},
        "alpha": 0.05,
        "correction": "Holm, within each table",
    }


def hash_of(plan: dict[str, Any]) -> str:
    """Sixty-four hex digits."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def freeze(study: Study, folder: Path) -> str:
    """Write ``frozen.json`` and return its hash; the same plan may be frozen again.

    Raises:
        ConfigError: a run has ended already, another plan is frozen there, or the study is an exploration.
    """
    plan = plan_of(study)
    digest = hash_of(plan)
    old = _read(folder)
    if old is not None:
        if old.get("hash") == digest:
            return digest
        raise ConfigError(f"{folder / FILE} holds another plan ({'; '.join(_changes(old, plan))}): use a new folder.")
    if study.prune:
        raise ConfigError("--freeze is for studies that shall be evidence; one with prune: is an exploration.")
    ended = [run.label for run in study.runs if run.config is not None and read_result(folder, run) is not None]
    if ended:
        raise ConfigError(
            f"--freeze comes before the first run, and {len(ended)} have ended in {folder} ({ended[0]}): a plan made "
            "with results in view is none. Use a new folder, or new seeds."
        )
    write_json(folder / FILE, {"hash": digest, "frozen": time.time(), "plan": plan})
    return digest


def kept(study: Study, folder: Path, records: Sequence[Record]) -> str:
    """A sentence: whether the study was preregistered, and whether the plan was kept."""
    old = _read(folder)
    if old is None:
        return "Not preregistered: nothing was frozen before the first run."
    since = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(old["frozen"]))
    told = f"Preregistered on {since}, hash {old['hash']}"
    broken = _changes(old, plan_of(study))
    if hash_of(old["plan"]) != old["hash"]:
        broken.append("frozen.json was changed afterwards")
    early = sum(r.started is not None and r.started < old["frozen"] for r in records)
    if early:
        broken.append(f"{early} runs began before it was frozen")
    if broken:
        return f"{told}, and NOT KEPT: {'; '.join(broken)}."
    left = sum(r.status == "not run" for r in records)
    return f"{told}; the plan was kept" + (f", {left} of {len(records)} runs are still to come." if left else ".")


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"hash": str(content["hash"]), "frozen": float(content["frozen"]), "plan": dict(content["plan"])}
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{path} is damaged ({e}): restore it, or use a new folder.") from None


def _changes(old: dict[str, Any], plan: dict[str, Any]) -> list[str]:
    """What differs between the frozen plan and this one, named."""
    before, now = old["plan"], plan
    changed = []
    for key in sorted({*before, *now} - {"study"}):
        if before.get(key) != now.get(key):
            changed.append(f"{key} differ")
    parts = before.get("study", {}), now["study"]
    for key in sorted({*parts[0], *parts[1]}):
        if parts[0].get(key) != parts[1].get(key):
            changed.append(f"{key} was {parts[0].get(key)!r}, is {parts[1].get(key)!r}"[:300])
    return changed
