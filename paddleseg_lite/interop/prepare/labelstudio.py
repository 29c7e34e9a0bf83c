"""Label Studio's JSON export: polygons, brush masks, rectangles and ellipses of tasks.

Class 0 is the background. Coordinates are percent of the picture's sides; of two
regions the smaller lies on top.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .brush import decode_brush
from .documents import Reader
from .job import Item, Job
from .labelstudio_tasks import Region, Task, read_tasks
from .names import is_background, similar_names, with_background
from .outlines import box, ellipse, turned
from .pictures import PictureFinder, Targets, agreed_size
from .raster import Canvas, corners, fill_polygon
from .tally import DISPUTED, MISSING, Tally
from .values import shortened

SHAPES = {"points": (), "radiusX": ("x", "y", "radiusX", "radiusY"), "width": ("x", "y", "width", "height")}


def labelstudio_job(
    path: Path, images: Path, *, class_names: list[str] | None = None, reader: Reader | None = None
) -> Job:
    """Labels of every task of an export.

    Args:
        path: the JSON file.
        images: folder of the pictures, under their own names or those of Label Studio's uploads.
        class_names: classes to keep, in the order of their ids; all, in alphabetical order, by default.
        reader: of the file; by default one that recognises its encoding.
    """
    reader, tally = reader or Reader(), Tally()
    tasks = read_tasks(path, reader, tally)
    written = Counter(region.name for task in tasks for region in task.regions if region.name)
    names = with_background(sorted(written) if class_names is None else class_names, str(path))
    job = Job([], names, files={"labels.txt": "\n".join(names) + "\n"}, unit="annotations", tally=tally)
    finder, targets = PictureFinder(images), Targets()
    merged: dict[Path, list[Task]] = {}
    for task in tasks:
        try:
            merged.setdefault(find(finder, task), []).append(task)
        except DataError as e:
            job.problems.append(str(e))
            tally.leave(MISSING, count=len(task.regions))
    for image, message in finder.disputed().items():
        job.problems.append(f"{path}: {message}")
        tally.leave(DISPUTED, count=sum(len(task.regions) for task in merged.pop(image)))
    for image, own in merged.items():
        stem = targets.take(finder.relative(image))
        regions = [region for task in own for region in task.regions]
        job.items.append(
            Item.with_copy(
                stem, image, label=partial(draw, image, regions, names), annotations=len(regions), sources=(path,)
            )
        )
    job.notes += reader.notes() + similar_names(written) + targets.notes()
    several = [region.where for task in tasks for region in task.regions if region.labels > 1]
    if several:
        job.notes.append(f"{len(several)} regions have several labels, and the first one counts: {shortened(several)}")
    twice = [image.name for image, own in merged.items() if len(own) > 1]
    if twice:
        job.notes.append(f"{len(twice)} pictures are in several tasks; their regions are merged: {shortened(twice)}")
    return job


def find(finder: PictureFinder, task: Task) -> Path:
    """The picture of a task, under any of its names.

    Raises:
        DataError: it is not there.
    """
    reasons = []
    for name in task.names:
        try:
            return finder.find(name)
        except DataError as e:
            reasons.append(str(e))
    raise DataError(f"{task.where}: {reasons[-1] if reasons else 'its data names no picture.'}")


def draw(image: Path, regions: list[Region], names: list[str], tally: Tally) -> np.ndarray:
    """Paint the regions of a picture, small ones on large ones.

    Raises:
        DataError: a damaged region, or one drawn at another size.
    """
    height, width = agreed_size(image, None, None, "")
    canvas = Canvas(height, width)
    for region in regions:
        if region.turn:
            raise DataError(
                f"{region.where} was drawn on the picture turned by {str(region.turn)[:20]} degrees: turn the picture "
                "back in Label Studio, look at the region, and export again."
            )
        agreed_size(image, region.height, region.width, region.where)
        if not region.name:
            tally.leave("a region without a label", region.where)
        elif region.name not in names and not is_background(region.name):
            tally.leave(f"'{region.name}' is not among --classes")
        else:
            part = part_of(region, height, width)
            if part is None:
                tally.leave("a key point or another shape without area", region.where)
            elif canvas.paint([part], 0 if is_background(region.name) else names.index(region.name)):
                tally.use()
            else:
                tally.leave("without a pixel in its picture", region.where)
    return canvas.label


def part_of(region: Region, height: int, width: int) -> tuple[int, int, np.ndarray] | None:
    """The pixels of a region (:func:`.raster.fill_polygon`'s answer), None for a shape without area."""
    value = region.value
    if "rle" in value:
        try:
            return 0, 0, decode_brush(value["rle"], height, width)
        except (ValueError, TypeError, OverflowError) as e:
            raise DataError(f"{region.where}: its brush mask is damaged: {e}.") from None
    scale = np.array([width, height], np.float64) / 100
    if "points" in value:
        return fill_polygon(corners(value["points"], region.where) * scale, height, width)
    kind = next((k for k in ("radiusX", "width") if set(SHAPES[k]) <= set(value)), None)
    if kind is None:
        return None
    x, y, across, down = numbers(value, SHAPES[kind], region.where)
    if kind == "radiusX":
        outline, around = ellipse(x, y, across, down), (x, y)
    else:
        outline, around = box(x, y, x + across, y + down), (x, y)
    angle = numbers({"rotation": value.get("rotation") or 0}, ("rotation",), region.where)[0]
    return fill_polygon(turned(outline * scale, angle, tuple(around * scale)), height, width)


def numbers(value: dict[str, Any], keys: tuple[str, ...], where: str) -> list[float]:
    """Finite numbers of these names.

    Raises:
        DataError: another value.
    """
    found = [value[key] for key in keys]
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) < 1e6 for v in found):
        raise DataError(f"{where}: {', '.join(keys)} are numbers, but got {str(found)[:80]}. Draw it again.")
    return [float(v) for v in found]
