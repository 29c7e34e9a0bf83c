"""labelme's JSON files: one an image, with named shapes.

Source: the file format as labelme 3 to 5 writes it (``shapes``, ``imagePath``,
``imageData``, ``imageHeight``, ``imageWidth``; shape types polygon, rectangle,
circle, line, linestrip, point, mask), and X-AnyLabeling's rotation (a turned rectangle).
Outlines belong to their shapes, as in labelme's own export.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from ...data import png
from ...errors import ConfigError, DataError
from .documents import Reader
from .foreign import looks_like
from .job import Item, Job
from .names import IGNORE, is_background, similar_names, tidy, with_background
from .pictures import IMAGES, Targets, agreed_size, is_file, walk
from .raster import corners
from .tally import Tally
from .values import shortened

IGNORED = "__ignore__"  # labelme's own word
NEEDED = {  # shape type -> points it needs
    "polygon": 3,
    "rotation": 3,
    "rectangle": 2,
    "circle": 2,
    "line": 2,
    "linestrip": 2,
    "point": 1,
    "points": 1,
    "mask": 2,
}


def labelme_job(
    folder: Path, *, class_names: list[str] | None = None, line_width: int = 5, reader: Reader | None = None
) -> Job:
    """Labels of every JSON file below ``folder``: class 0 is the background.

    Args:
        class_names: classes 1, 2, ... (``_background_`` first is understood); by
            default all names found, in alphabetical order.
        line_width: of lines, line strips and points, in pixels.
        reader: of the files; by default one that recognises their encodings.
    """
    if not 1 <= line_width <= 1000:
        raise ConfigError(f"--line_width is from 1 to 1000 pixels, but got {line_width}.")
    reader = reader or Reader()
    paths = walk(folder, (".json",))
    if not paths:
        raise DataError(f"{folder} holds no .json file: name the folder that labelme saved to.")
    documents, problems = {}, []
    for path in paths:
        try:
            documents[path] = read_document(path, reader)
        except DataError as e:
            problems.append(str(e))
    written = Counter(str(s.get("label")) for d in documents.values() for s in d["shapes"] if tidy(s.get("label")))
    if class_names is None:
        class_names = sorted({tidy(name) for name in written} - {IGNORED})
    names = with_background(class_names, str(folder))
    targets, items, images = Targets(), [], Counter()
    for path, document in documents.items():
        image = find_image(path, document)
        images[image] += image is not None
        relative = path.relative_to(folder).with_suffix("").as_posix()
        ending = image.suffix if image else ".png"
        stem = targets.take(PurePosixPath(f"{relative}{ending}"))
        items.append(
            Item(
                label=partial(draw, path, document, image, names, line_width),
                target=Path("annotations", f"{stem}.png"),
                image=image,
                copy=Path("images", f"{stem}{ending}"),
                annotations=len(document["shapes"]),
                sources=(path,),
            )
        )
    notes = reader.notes() + similar_names(written) + targets.notes()
    twice = [str(image) for image, count in images.items() if count > 1]
    if twice:
        notes.append(
            f"{len(twice)} pictures have several JSON files, each makes a copy with a label: {shortened(twice)}"
        )
    return Job(
        items, names, files={"labels.txt": "\n".join(names) + "\n"}, notes=notes, unit="annotations", problems=problems
    )


def read_document(path: Path, reader: Reader) -> dict[str, Any]:
    """A JSON file of labelme: an object with a list of shapes.

    Raises:
        DataError: it is none; where another tool wrote it, which.
    """
    content = reader.json(path)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list):
        held = "its 'shapes' are no list" if isinstance(content, dict) and "shapes" in content else "it has no 'shapes'"
        raise DataError(f"{path} is no file of labelme: {held}.{looks_like(content, but='labelme')}")
    for number, shape in enumerate(shapes):
        if not isinstance(shape, dict):
            raise DataError(f"{path} is no file of labelme: shape {number} is {str(shape)[:40]!r}, not an object.")
    return content


def find_image(path: Path, document: dict[str, Any]) -> Path | None:
    """The image of a JSON file: ``imagePath`` beside it, or the same name with another ending."""
    named = document.get("imagePath")
    named = named.replace("\\", "/") if isinstance(named, str) else ""
    candidates = [path.parent / named, path.parent / Path(named).name] if named else []
    candidates += [path.with_suffix(s) for ending in IMAGES for s in (ending, ending.upper())]
    return next((c for c in candidates if is_file(c) and c.suffix.lower() != ".json"), None)


def draw(
    path: Path, document: dict[str, Any], image: Path | None, names: list[str], line_width: int, tally: Tally
) -> np.ndarray:
    """Paint the shapes in their order, later ones over earlier ones.

    Raises:
        DataError: the image is missing, a label is no class, a shape has too few points.
    """
    if image is None:
        raise DataError(f"{path}: its image {document.get('imagePath')!r:.200} is not beside it. Put it there.")
    label = np.zeros(agreed_size(image, document.get("imageHeight"), document.get("imageWidth"), str(path)), np.uint8)
    ids = {name: i for i, name in enumerate(names)} | {IGNORED: IGNORE}
    for number, shape in enumerate(document["shapes"]):
        name = tidy(shape.get("label"))
        if not name:
            raise DataError(f"{path}, shape {number}: has no label. Give it one, or delete the shape.")
        if name not in ids and not is_background(name):
            raise DataError(
                f"{path}, shape {number}: label '{name}' is no class. Add it to --classes, or rename it {IGNORED}."
            )
        where = f"{path}, shape {number} ('{name}')"
        if paint(label, shape, ids.get(name, 0), line_width, where):
            tally.use()
        else:
            tally.leave("outside its picture", where)
    return label


def paint(label: np.ndarray, shape: dict[str, Any], value: int, line_width: int, where: str) -> bool:
    """One shape into ``label``; False where it lies outside."""
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind not in NEEDED:
        raise DataError(f"{where}: shape type {kind!r:.40} is not known; {', '.join(NEEDED)} are.")
    points = corners(shape.get("points"), where, needed=NEEDED[kind], what=f"a {kind}")
    at = points.round().astype(np.int32)
    if kind == "mask":
        paint_mask(label, shape.get("mask"), at.min(0), value, where)
        return True
    before, reach = at.min(0), at.max(0)
    if kind == "circle":
        radius = round(float(np.hypot(*(points[1] - points[0]))))
        before, reach = at[0] - radius, at[0] + radius
        cv2.circle(label, tuple(map(int, at[0])), radius, value, cv2.FILLED)
    elif kind in ("polygon", "rotation"):
        cv2.fillPoly(label, [at], value)
    elif kind == "rectangle":
        cv2.rectangle(label, tuple(map(int, before)), tuple(map(int, reach)), value, cv2.FILLED)
    elif kind in ("line", "linestrip"):
        cv2.polylines(label, [at], False, value, line_width)
    else:
        for x, y in at:
            cv2.circle(label, (int(x), int(y)), max(1, line_width // 2), value, cv2.FILLED)
    return bool((reach >= 0).all() and before[0] < label.shape[1] and before[1] < label.shape[0])


def paint_mask(label: np.ndarray, text: Any, corner: np.ndarray, value: int, where: str) -> None:
    """A mask as labelme stores it, a PNG in base64, not zero inside; its upper left pixel is at ``corner`` (x, y)."""
    try:
        data = base64.b64decode(text or "", validate=True)
        header = png.check(data)
    except (binascii.Error, TypeError, ValueError, png.PngError):
        raise DataError(f"{where}: its mask is no PNG in base64.") from None
    x, y = map(int, corner)
    if x < 0 or y < 0 or y + header.height > label.shape[0] or x + header.width > label.shape[1]:
        raise DataError(f"{where}: its mask reaches beyond the image.")
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{where}: its mask is a damaged PNG.")
    label[y : y + mask.shape[0], x : x + mask.shape[1]][mask > 0] = value
