"""CVAT's "CVAT for images" export: XML files with the shapes of each image.

Class 0 is the background; labels follow in CVAT's order. Shapes lie on top of one
another by ``z_order``, then as they are listed, as in CVAT's own export of masks; boxes
and ellipses are painted, lines and points have no area.
Source: CVAT's pages on its formats.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from ...errors import DataError
from .documents import Reader
from .job import Item, Job
from .names import is_background, similar_names, tidy, with_background
from .outlines import box, ellipse, turned
from .pictures import PictureFinder, Targets, agreed_size
from .raster import FARTHEST, Canvas, corners, fill_polygon
from .tally import DISPUTED, MISSING, Tally
from .values import whole

NUMBERS = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry")}
WITHOUT_AREA = ("polyline", "points", "cuboid", "skeleton")
KINDS = ("polygon", "mask", *NUMBERS, *WITHOUT_AREA)


def cvat_images_job(
    files: list[Path], images: Path, *, class_names: list[str] | None = None, reader: Reader | None = None
) -> Job:
    """Labels of every image that "CVAT for images" files list.

    Args:
        files: the XML files.
        images: folder of the pictures.
        class_names: labels to keep, in the order of their ids; all by default.
        reader: of the files; by default one that recognises their encoding.
    """
    reader = reader or Reader()
    roots = {path: read_root(path, reader) for path in files}
    found = [(path, image) for path, root in roots.items() for image in root.findall("image")]
    used = Counter(shape.get("label", "") for _, image in found for shape in image if shape.tag in KINDS)
    listed = [tidy(n.text) for root in roots.values() for n in root.findall("./meta//labels/label/name")]
    known = list(dict.fromkeys([*(n for n in listed if n), *sorted(tidy(n) for n in used if tidy(n))]))
    names = with_background(known if class_names is None else class_names, str(files[0]))
    job = Job([], names, files={"labels.txt": "\n".join(names) + "\n"}, unit="annotations")
    finder, targets, merged = PictureFinder(images), Targets(), {}
    for path, image in found:
        shapes = [shape for shape in image if shape.tag in KINDS]
        try:
            merged.setdefault(finder.find(image.get("name")), []).append((path, image, shapes))
        except DataError as e:
            job.problems.append(f"{path}, image {image.get('id')}: {e}")
            job.tally.leave(MISSING, count=len(shapes))
    for picture, message in finder.disputed().items():
        job.problems.append(message)
        job.tally.leave(DISPUTED, count=sum(len(shapes) for _, _, shapes in merged.pop(picture)))
    for picture, own in merged.items():
        stem = targets.take(finder.relative(picture))
        job.items.append(
            Item.with_copy(
                stem,
                picture,
                label=partial(draw, picture, own, names),
                annotations=sum(len(shapes) for _, _, shapes in own),
                sources=tuple({path for path, _, _ in own}),
            )
        )
    job.notes += reader.notes() + similar_names(used) + targets.notes()
    return job


def read_root(path: Path, reader: Reader) -> Element:
    """The ``annotations`` element.

    Raises:
        DataError: another format.
    """
    root = reader.xml(path)
    if root.tag != "annotations" or root.find("image") is None:
        video = " It has tracks: it is 'CVAT for video'." if root.find("track") is not None else ""
        raise DataError(
            f"{path} is no 'CVAT for images 1.1' file ({root.tag} without image).{video} Export that format."
        )
    return root


def draw(picture: Path, found: list[tuple[Path, Element, list[Element]]], names: list[str], tally: Tally) -> np.ndarray:
    """Paint the shapes of a picture.

    Raises:
        DataError: a damaged shape, or a picture of another size.
    """
    stacked = []
    for path, image, shapes in found:
        where = f"{path}, image {image.get('id')}"
        height, width = agreed_size(picture, image.get("height"), image.get("width"), where)
        stacked += [(whole(s.get("z_order", "0")) or 0, f"{where}, shape {i}", s) for i, s in enumerate(shapes)]
    canvas = Canvas(height, width, stacked=True)
    for _, where, shape in sorted(stacked, key=lambda entry: entry[0]):
        name = tidy(shape.get("label", ""))
        if not name:
            raise DataError(f"{where}: has no label.")
        if shape.tag in WITHOUT_AREA:
            tally.leave(f"a {shape.tag}, which has no area", where)
        elif name not in names and not is_background(name):
            tally.leave(f"'{name}' is not among --classes")
        elif canvas.paint([part_of(shape, height, width, where)], 0 if is_background(name) else names.index(name)):
            tally.use()
        else:
            tally.leave("without a pixel in its picture", where)
    return canvas.label


def part_of(shape: Element, height: int, width: int, where: str) -> tuple[int, int, np.ndarray]:
    """The pixels of a polygon, mask, box or ellipse (:func:`.raster.fill_polygon`'s answer)."""
    if shape.tag == "mask":
        return mask_part(shape, height, width, where)
    if shape.tag == "polygon":
        pairs = [pair.split(",") for pair in shape.get("points", "").split(";") if pair.strip()]
        return fill_polygon(corners([[to_float(v) for v in pair] for pair in pairs], where), height, width)
    values = [to_float(shape.get(name)) for name in NUMBERS[shape.tag]]
    angle = to_float(shape.get("rotation", "0"))
    if not all(abs(v) <= FARTHEST for v in [*values, angle]):
        raise DataError(f"{where}: {', '.join(NUMBERS[shape.tag])} and rotation are numbers, but not all of them here.")
    if shape.tag == "box":
        outline, around = box(*values), ((values[0] + values[2]) / 2, (values[1] + values[3]) / 2)
    else:
        outline, around = ellipse(*values), (values[0], values[1])
    return fill_polygon(turned(outline, angle, around), height, width)


def mask_part(shape: Element, height: int, width: int, where: str) -> tuple[int, int, np.ndarray]:
    """A mask: run lengths row by row within a box, zeros first."""
    left, top, across, down = (whole(shape.get(name)) for name in ("left", "top", "width", "height"))
    if None in (left, top, across, down) or min(left, top, across, down) < 0:
        raise DataError(f"{where}: left, top, width, height of a mask are whole numbers from 0 on.")
    if left + across > width or top + down > height:
        raise DataError(f"{where}: its mask reaches beyond the picture.")
    runs = [whole(word) for word in shape.get("rle", "").split(",")]
    if None in runs or min(runs) < 0 or sum(runs) != across * down:
        raise DataError(f"{where}: the run lengths of its mask are damaged: they do not add up to {across} x {down}.")
    values = np.arange(len(runs)) % 2 == 1
    return top, left, np.repeat(values, runs).reshape(down, across)


def to_float(text: str | None) -> float:
    """A number, NaN for what is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
