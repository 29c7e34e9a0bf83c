"""Label Studio's tasks, from JSON or JSON-MIN, as pictures with regions.

Source: Label Studio's pages on its export formats, and on the results of its tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError
from .documents import Reader
from .foreign import looks_like
from .names import tidy
from .pictures import IMAGES
from .tally import Tally

GEOMETRY = ("points", "rle", "radiusX", "width", "vertices")  # keys of a value that tell where a region is
OTHER = "in another annotator's version of its picture"


@dataclass
class Region:
    """A shape with its class: ``value`` as Label Studio stores it.

    Attributes:
        turn: degrees that the picture was turned by while it was drawn.
        labels: how many classes it was given; ``name`` is the first.
    """

    name: str
    value: dict[str, Any]
    height: Any
    width: Any
    where: str
    turn: Any = 0
    labels: int = 1


@dataclass
class Task:
    """A picture: what it may be called, and its regions."""

    names: list[str]
    where: str
    regions: list[Region] = field(default_factory=list)


def read_tasks(path: Path, reader: Reader, tally: Tally) -> list[Task]:
    """The tasks of an export; regions of other versions of a picture go to the tally.

    Raises:
        DataError: the file is no export of Label Studio.
    """
    content = reader.json(path)
    content = [content] if isinstance(content, dict) and "data" in content else content
    full = isinstance(content, list) and any(isinstance(t, dict) and isinstance(t.get("data"), dict) for t in content)
    short = isinstance(content, list) and any(isinstance(t, dict) and "annotation_id" in t for t in content)
    if not full and not short:
        raise DataError(
            f"{path} is no JSON or JSON-MIN export of Label Studio: a list of tasks with 'data' and 'annotations'."
            f"{looks_like(content, but='Label Studio')}"
        )
    tasks = []
    for number, task in enumerate(content):
        if not isinstance(task, dict):
            raise DataError(f"{path}: task {number} is {str(task)[:40]!r}, not an object.")
        where = f"{path}, task {str(task.get('id', number))[:40]}"
        tasks.append(full_task(task, where, tally) if full else short_task(task, where))
    return tasks


def full_task(task: dict[str, Any], where: str, tally: Tally) -> Task:
    """A task of the JSON export: one of its annotations, the one marked as ground truth where there is one."""
    found = task.get("annotations") if "annotations" in task else task.get("completions")
    found = [a for a in found if isinstance(a, dict)] if isinstance(found, list) else []
    valid = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    chosen = next((a for a in valid if a.get("ground_truth") is True), valid[0] if valid else None)
    made = Task(picture_names(task.get("data"), task.get("file_upload")), where)
    for annotation in found:
        regions = list(regions_of(annotation.get("result"), where))
        if annotation is chosen:
            made.regions = regions
        else:
            tally.leave("cancelled by its annotator" if annotation not in valid else OTHER, where, count=len(regions))
    return made


def short_task(task: dict[str, Any], where: str) -> Task:
    """A task of JSON-MIN: each list of objects holds the results of one tag."""
    made = Task(picture_names(task, None), where)
    for key, values in task.items():
        if isinstance(values, list) and values and all(isinstance(v, dict) for v in values):
            results = [{"id": f"{key} {i}", "value": value, **value} for i, value in enumerate(values)]
            made.regions += regions_of(results, where)
    return made


def regions_of(results: Any, where: str) -> Iterator[Region]:
    """The regions of an annotation; a shape and its label may be two results with one id.

    Raises:
        DataError: results that are no list of objects.
    """
    if not isinstance(results, list) or not all(isinstance(r, dict) for r in results):
        raise DataError(f"{where}: its result is {str(results)[:40]!r}, not a list of objects.")
    shapes: dict[str, dict[str, Any]] = {}
    names: dict[str, list[Any]] = {}
    for number, result in enumerate(results):
        value, key = result.get("value"), str(result.get("id", number))
        if not isinstance(value, dict):
            continue  # a relation
        if any(part in value for part in GEOMETRY):
            shapes.setdefault(key, result)
        labels = [v for k, v in value.items() if k.endswith("labels") and isinstance(v, list) and v]
        if labels:
            names.setdefault(key, labels[0])
    for key, result in shapes.items():
        place = f"{where}, region {key[:40]}"
        size = result.get("original_height"), result.get("original_width")
        given = names.get(key, [""])
        name = tidy(given[0]) if isinstance(given[0], str) else ""
        yield Region(name, result["value"], *size, place, result.get("image_rotation") or 0, len(given))


def picture_names(data: Any, upload: Any) -> list[str]:
    """What the picture of a task may be called: stored address, local path, and without the prefix of an upload."""
    values = list(data.items()) if isinstance(data, dict) else []
    texts = [v for k, v in sorted(values, key=lambda item: item[0] not in ("image", "img")) if isinstance(v, str)]
    names = []
    for text in [*texts, upload if isinstance(upload, str) else ""]:
        local = re.search(r"[?&]d=([^&]*)", text)
        name = local[1] if local else re.split(r"[?#]", text)[0]
        if name.lower().endswith(IMAGES):
            names += [name, re.sub(r"(^|/)[0-9a-f]{6,8}-([^/]*)$", r"\1\2", name)]
    return list(dict.fromkeys(names))
