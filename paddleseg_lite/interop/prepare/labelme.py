"""labelme's JSON files: one an image, with named shapes.

Source: the file format as labelme 3 to 5 writes it (``shapes``, ``imagePath``,
``imageData``, ``imageHeight``, ``imageWidth``; shape types polygon, rectangle,
circle, line, linestrip, point, mask), and X-AnyLabeling's rotation (a turned rectangle).
Shapes are drawn as labelme's own export draws them, by the same functions: outlines
belong to their shapes.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ...data import png
from ...errors import ConfigError, DataError
from ...files import write_bytes
from .documents import Reader
from .foreign import looks_like
from .job import Item, Job
from .names import IGNORE, is_background, similar_names, tidy, with_background
from .pictures import IMAGES, Targets, agreed_size, is_file, walk
from .raster import corners
from .tally import DISPUTED, Tally
from .values import shortened

SIGNATURES = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"BM": ".bmp"}  # first bytes -> ending
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
    paths = walk(folder, (".json",), broken=True)
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
    keep, tally, targets, items = EmbeddedPictures(), Tally(), Targets(), []
    found = {path: find_image(path, document) or keep.write(path, document) for path, document in documents.items()}
    images = Counter(image for image in found.values() if image is not None)
    for path, document in documents.items():
        image = found[path]
        other = own_picture(path) if image is not None and images[image] > 1 and image.stem != path.stem else None
        if other is not None and other != image:
            problems.append(
                f"{path}: its imagePath is {image.name}, which has a JSON file too, but {other.name} is "
                "beside it: correct imagePath, or remove one of the two."
            )
            tally.leave(DISPUTED, count=len(document["shapes"]))
            continue
        relative = path.relative_to(folder).with_suffix("").as_posix()
        ending = image.suffix if image else ".png"
        stem = targets.take(PurePosixPath(f"{relative}{ending}"))
        items.append(
            Item.with_copy(
                stem,
                image,
                label=partial(draw, path, document, image, names, line_width),
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
    if keep.count:
        notes.append(f"{keep.count} pictures were not there and come from the imageData of their JSON files")
    return Job(
        items,
        names,
        files={"labels.txt": "\n".join(names) + "\n"},
        notes=notes,
        unit="annotations",
        tally=tally,
        problems=problems,
        keep=keep,
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
    return next((c for c in candidates if is_file(c) and c.suffix.lower() != ".json"), own_picture(path))


def own_picture(path: Path) -> Path | None:
    """The picture of a JSON file's own name beside it."""
    return next((p for s in IMAGES for e in (s, s.upper()) if is_file(p := path.with_suffix(e))), None)


class EmbeddedPictures:
    """Pictures that JSON files hold in ``imageData``, written to a temporary folder as long as this lives."""

    def __init__(self):
        self.folder: tempfile.TemporaryDirectory | None = None
        self.count = 0

    def write(self, path: Path, document: dict[str, Any]) -> Path | None:
        """The embedded picture of a JSON file; None where there is none."""
        try:
            data = base64.b64decode(document.get("imageData") or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            return None
        ending = next((e for sign, e in SIGNATURES.items() if data.startswith(sign)), None)
        if ending is None:
            return None
        self.folder = self.folder or tempfile.TemporaryDirectory(prefix="paddleseg_lite-")
        self.count += 1
        target = Path(self.folder.name, str(self.count), f"picture{ending}")
        write_bytes(target, data)
        return target


def draw(
    path: Path, document: dict[str, Any], image: Path | None, names: list[str], line_width: int, tally: Tally
) -> np.ndarray:
    """Paint the shapes in their order, later ones over earlier ones.

    Raises:
        DataError: the image is missing, a label is no class, a shape has too few points.
    """
    if image is None:
        raise DataError(f"{path}: its image {document.get('imagePath')!r:.200} is not beside it. Put it there.")
    height, width = agreed_size(image, document.get("imageHeight"), document.get("imageWidth"), str(path))
    canvas = Image.new("L", (width, height))
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
        if paint(canvas, shape, ids.get(name, 0), line_width, where):
            tally.use()
        else:
            tally.leave("outside its picture", where)
    return np.array(canvas)


def paint(canvas: Image.Image, shape: dict[str, Any], value: int, line_width: int, where: str) -> bool:
    """One shape, drawn by Pillow's own functions as labelme does; False where it lies outside."""
    kind = shape.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind not in NEEDED:
        raise DataError(f"{where}: shape type {kind!r:.40} is not known; {', '.join(NEEDED)} are.")
    points = corners(shape.get("points"), where, needed=NEEDED[kind], what=f"a {kind}")
    if kind == "mask":
        paint_mask(canvas, shape.get("mask"), points.min(0).round(), value, where)
        return True
    pen, low, high, filled = ImageDraw.Draw(canvas), points.min(0), points.max(0), {"fill": value, "outline": value}
    if kind in ("circle", "point", "points"):
        radius = np.hypot(*(points[1] - points[0])) if kind == "circle" else max(1, line_width // 2)
        for x, y in points[:1] if kind == "circle" else points:
            pen.ellipse([x - radius, y - radius, x + radius, y + radius], **filled)
        low, high = (
            (points[0] if kind == "circle" else low) - radius,
            (points[0] if kind == "circle" else high) + radius,
        )
    elif kind in ("polygon", "rotation"):
        pen.polygon([tuple(point) for point in points], **filled)
    elif kind == "rectangle":
        pen.rectangle([*low, *high], **filled)
    else:
        pen.line([tuple(point) for point in points], fill=value, width=line_width)
    return bool((high >= 0).all() and (low < canvas.size).all())


def paint_mask(canvas: Image.Image, text: Any, corner: np.ndarray, value: int, where: str) -> None:
    """A mask as labelme stores it, a PNG in base64, not zero inside; its upper left pixel is at ``corner`` (x, y)."""
    try:
        data = base64.b64decode(text or "", validate=True)
        header = png.check(data)
    except (binascii.Error, TypeError, ValueError):  # a PngError is a ValueError
        raise DataError(f"{where}: its mask is no PNG in base64.") from None
    x, y = map(int, corner)
    if x < 0 or y < 0 or x + header.width > canvas.width or y + header.height > canvas.height:
        raise DataError(f"{where}: its mask reaches beyond the image.")
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{where}: its mask is a damaged PNG.")
    canvas.paste(value, (x, y), Image.fromarray((mask > 0).astype(np.uint8) * 255))
