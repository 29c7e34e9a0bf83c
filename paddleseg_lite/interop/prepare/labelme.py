"""labelme's JSON files: one an image, with named shapes.

Source: the file format as labelme 3 to 5 writes it (``shapes``, ``imagePath``,
``imageData``, ``imageHeight``, ``imageWidth``; shape types polygon, rectangle,
circle, line, linestrip, point, mask).
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...data import image_size
from ...errors import DataError
from .job import IGNORE, Item, Job

BACKGROUND, IGNORED = "_background_", "__ignore__"  # labelme's own words


def labelme_job(folder: Path, *, class_names: list[str] | None = None, line_width: int = 5) -> Job:
    """Labels of every JSON file below ``folder``: class 0 is the background.

    Args:
        class_names: classes 1, 2, ... (``_background_`` first is understood); by
            default all names found, in alphabetical order.
        line_width: of lines, line strips and points, in pixels.
    """
    paths = sorted(folder.rglob("*.json"))
    if not paths:
        raise DataError(f"{folder} holds no .json file: name the folder that labelme saved to.")
    documents = {path: read_json(path) for path in paths}
    if class_names is None:
        found = {str(s.get("label")) for d in documents.values() for s in d.get("shapes", [])}
        class_names = sorted(found - {BACKGROUND, IGNORED})
    names = ["background", *(n for n in class_names if n not in (BACKGROUND, "background"))]
    items = []
    for path, document in documents.items():
        stem = path.relative_to(folder).with_suffix("")
        image = find_image(path, document)
        items.append(
            Item(
                label=lambda p=path, d=document, i=image: draw(p, d, i, names, line_width),
                target=Path("annotations") / stem.with_suffix(".png"),
                image=image,
                copy=Path("images") / stem.with_suffix(image.suffix) if image else None,
            )
        )
    return Job(items, names, files={"labels.txt": "\n".join(names) + "\n"})


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a UTF-8 file.

    Raises:
        DataError: it is none; with the line.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise DataError(f"{path} is not valid JSON: {e}.") from None
    except OSError as e:
        raise DataError(f"{path} cannot be read: {e.strerror or e}.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not an object.")
    return content


def find_image(path: Path, document: dict[str, Any]) -> Path | None:
    """The image of a JSON file: ``imagePath`` beside it, or the same name with another ending."""
    named = str(document.get("imagePath") or "").replace("\\", "/")
    candidates = [path.parent / named] if named else []
    candidates += [path.parent / Path(named).name] if named else []
    candidates += [path.with_suffix(s) for s in (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".webp", ".JPG", ".PNG")]
    return next((c for c in candidates if c.is_file()), None)


def size_of(path: Path, document: dict[str, Any], image: Path | None) -> tuple[int, int]:
    """(H, W) of the image that was annotated."""
    height, width = document.get("imageHeight"), document.get("imageWidth")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    if image is not None:
        return image_size(image)
    raise DataError(f"{path}: neither imageHeight and imageWidth nor the image are there. Put the image beside it.")


def draw(path: Path, document: dict[str, Any], image: Path | None, names: list[str], line_width: int) -> np.ndarray:
    """Paint the shapes in their order, later ones over earlier ones.

    Raises:
        DataError: the image is missing, a label is no class, a shape has too few points.
    """
    if image is None:
        raise DataError(f"{path}: its image {document.get('imagePath')!r} is not beside it. Put it there.")
    label = np.zeros(size_of(path, document, image), np.uint8)
    ids = {name: i for i, name in enumerate(names)} | {BACKGROUND: 0, IGNORED: IGNORE}
    for number, shape in enumerate(document.get("shapes", [])):
        name = str(shape.get("label"))
        if name not in ids:
            raise DataError(
                f"{path}, shape {number}: label '{name}' is no class. Add it to --classes, or rename it {IGNORED}."
            )
        paint(label, shape, ids[name], line_width, f"{path}, shape {number} ('{name}')")
    return label


def paint(label: np.ndarray, shape: dict[str, Any], value: int, line_width: int, where: str) -> None:
    """One shape into ``label``."""
    kind = shape.get("shape_type") or "polygon"
    try:
        points = np.asarray(shape.get("points"), np.float64).reshape(-1, 2)
        good = bool(np.isfinite(points).all())
    except (TypeError, ValueError):
        good = False
    needed = {"polygon": 3, "rectangle": 2, "circle": 2, "line": 2, "linestrip": 2, "point": 1, "points": 1, "mask": 2}
    if kind not in needed:
        raise DataError(f"{where}: shape type '{kind}' is not known; {', '.join(needed)} are.")
    if not good or len(points) < needed[kind]:
        raise DataError(f"{where}: a {kind} needs {needed[kind]} points with two numbers each. Draw it again.")
    at = points.round().astype(np.int32)
    if kind == "polygon":
        cv2.fillPoly(label, [at], value)
    elif kind == "rectangle":
        cv2.rectangle(label, tuple(map(int, at.min(0))), tuple(map(int, at.max(0))), value, cv2.FILLED)
    elif kind == "circle":
        cv2.circle(label, tuple(map(int, at[0])), round(float(np.hypot(*(points[1] - points[0])))), value, cv2.FILLED)
    elif kind in ("line", "linestrip"):
        cv2.polylines(label, [at], False, value, line_width)
    elif kind == "mask":
        mask = decode_mask(shape.get("mask"), where)
        x, y = at.min(0)
        if x < 0 or y < 0 or y + mask.shape[0] > label.shape[0] or x + mask.shape[1] > label.shape[1]:
            raise DataError(f"{where}: its mask reaches beyond the image.")
        label[y : y + mask.shape[0], x : x + mask.shape[1]][mask] = value
    else:
        for x, y in at:
            cv2.circle(label, (int(x), int(y)), max(1, line_width // 2), value, cv2.FILLED)


def decode_mask(text: Any, where: str) -> np.ndarray:
    """labelme's masks: a PNG in base64, not zero inside."""
    try:
        data = np.frombuffer(base64.b64decode(text or "", validate=True), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    except (binascii.Error, TypeError, ValueError, cv2.error):
        image = None
    if image is None:
        raise DataError(f"{where}: its mask is no PNG in base64.")
    return image > 0
