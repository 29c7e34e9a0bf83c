"""What a study compares: a number of the last validation, or one computed from its confusion matrix.

::

    metric: mIoU                                       # any number of the record; dots reach into tables
    metric: classes.car.IoU
    metric: {measure: accuracy, classes: [boat, car]}  # naming: of the pixels that are, and are said to be, one of
                                                       # these classes, the share that is said to be the right one
    metric: {measure: mIoU, classes: [boat, car], name: object mIoU}

A subset of classes may be given by names or by ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, nearest

MEASURES = ("accuracy", "mIoU")
KEYS = ("measure", "classes", "name")


@dataclass(frozen=True)
class Metric:
    """A number of a finished run.

    Attributes:
        name: for tables and plots.
        path: where it stands in the record, split at dots; None where it is computed.
        measure, classes: what is computed from the confusion matrix; ids or names.
    """

    name: str
    path: tuple[str, ...] | None = None
    measure: str | None = None
    classes: tuple = ()

    def of(self, result: Mapping[str, Any]) -> float:
        """The value in a ``result.json`` that says done; nan where it is not defined (a class that never occurs).

        Raises:
            ConfigError: the run has no such number.
        """
        record = result["metrics"]
        if self.path is None:
            return self._computed(record)
        value: Any = record
        for part in self.path:
            if not isinstance(value, Mapping) or part not in value:
                known = [str(k) for k in value] if isinstance(value, Mapping) else []
                raise ConfigError(
                    f"metric '{self.name}': a validation has no '{part}'.{nearest(part, known)} "
                    f"It has: {', '.join(known) or 'a single number'}."
                )
            value = value[part]
        if isinstance(value, (Mapping, list)):
            raise ConfigError(f"metric '{self.name}' is a table, not a number: give one of its entries, with a dot.")
        return float("nan") if value is None else float(value)

    def _computed(self, record: Mapping[str, Any]) -> float:
        if "confusion" not in record:
            raise ConfigError(f"metric '{self.name}': the run kept no confusion matrix; run it again.")
        matrix = np.asarray(record["confusion"], dtype=np.float64)
        ids = [self._id(c, list(record["classes"]), len(matrix)) for c in self.classes]
        hit = np.diag(matrix)[ids]
        if self.measure == "accuracy":
            total = matrix[np.ix_(ids, ids)].sum()
            return float(hit.sum() / total) if total else float("nan")
        union = (matrix.sum(0) + matrix.sum(1))[ids] - hit
        return float(np.nanmean(np.where(union > 0, hit / np.maximum(union, 1), np.nan)))

    def _id(self, given, names: Sequence[str], count: int) -> int:
        if isinstance(given, int) and 0 <= given < count:
            return given
        if given in names:
            return list(names).index(given)
        raise ConfigError(f"metric '{self.name}': there is no class '{given}'.{nearest(str(given), names)}")


def parse_metric(spec: Any, where: str) -> Metric:
    """The ``metric`` of a study file.

    Raises:
        ConfigError: it is neither a name nor a measure of classes.
    """
    if isinstance(spec, str) and spec:
        return Metric(spec, path=tuple(spec.split(".")))
    if not isinstance(spec, Mapping):
        raise ConfigError(f"{where}: metric is a name (mIoU) or {{measure: accuracy, classes: [...]}}, got {spec!r}.")
    for key in spec:
        if key not in KEYS:
            raise ConfigError(f"{where}: metric has no key '{key}'.{nearest(str(key), KEYS)}")
    measure, classes = spec.get("measure"), spec.get("classes")
    if measure not in MEASURES:
        raise ConfigError(f"{where}: metric.measure is one of {', '.join(MEASURES)}, got {measure!r}.")
    if not isinstance(classes, list) or not classes or not all(isinstance(c, (int, str)) for c in classes):
        raise ConfigError(f"{where}: metric.classes is a list of class names or ids, got {classes!r}.")
    name = spec.get("name") or f"{measure} of {', '.join(map(str, classes))}"
    return Metric(str(name), measure=measure, classes=tuple(classes))
