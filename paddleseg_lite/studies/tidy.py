"""Every run of a study as one row: for whoever computes something else from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..files import write_bytes
from .results import COSTS, Record
from .setting import MACHINE, VERSIONS
from .study import Study

HEADER = ("seed", "key", "status", "metric", "value", "reason", *COSTS, "seconds", "started", *VERSIONS, *MACHINE)


def tidy_rows(study: Study, records: Sequence[Record]) -> Iterator[list[Any]]:
    """The factors' values, then ``HEADER``; what is not known is empty."""
    for r in records:
        started = r.facts.get("started")
        since = datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds") if started else None
        yield [
            *(r.run.levels[factor] for factor in study.factors),
            *(r.run.seed, r.run.key, r.status, study.metric.name, r.value, r.reason or None),
            *(r.costs.get(cost) for cost in COSTS),
            *(r.seconds, since),
            *(r.facts.get(name) for name in (*VERSIONS, *MACHINE)),
        ]


def write_tidy_json(path: Path, study: Study, records: Sequence[Record]) -> None:
    """The rows as a list of objects, one a line, with the IoU of each class."""
    names = [*study.factors, *HEADER]
    lines = (
        json.dumps({**dict(zip(names, row)), "class_iou": record.iou}, ensure_ascii=False)
        for row, record in zip(tidy_rows(study, records), records)
    )
    write_bytes(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode("utf-8", "backslashreplace"))
