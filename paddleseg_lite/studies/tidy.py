"""Every run of a study as one row: for whoever computes something else from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..files import open_whole
from .results import COSTS, Record
from .setting import MACHINE, VERSIONS
from .study import Study

HEADER = ("seed", "key", "status", "metric", "value", "reason", *COSTS, "seconds", "started", *VERSIONS, *MACHINE)


def tidy_rows(study: Study, records: Sequence[Record]) -> Iterator[list[Any]]:
    """The factors' values, then ``HEADER``; what is not known is empty."""
    for r in records:
        known = r.started is not None
        since = datetime.fromtimestamp(r.started, timezone.utc).isoformat(timespec="seconds") if known else None
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
    with open_whole(path) as f:
        for number, (row, record) in enumerate(zip(tidy_rows(study, records), records)):
            line = json.dumps({**dict(zip(names, row)), "class_iou": record.iou}, ensure_ascii=False)
            f.write((",\n" if number else "[\n").encode() + line.encode("utf-8", "backslashreplace"))
        f.write(b"\n]\n")
