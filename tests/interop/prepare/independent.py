"""Labels read a second time, by pycocotools, PyYAML and the standard library. Of what is odd it says nothing."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import PurePosixPath
from xml.etree import ElementTree

import cv2
import numpy as np
import yaml
from mutated import SIZES
from pycocotools import mask as reference
from pycocotools.coco import COCO


class Odd(Exception):
    """The file is not plainly of its format, so this reader has no opinion."""


def rasterised(points, height, width):
    """A polygon by pycocotools, bool [H, W]."""
    flat = np.asarray(points, np.float64).ravel()
    if len(flat) < 6 or len(flat) % 2 or not np.isfinite(flat).all() or np.abs(flat).max() > 1e5:
        raise Odd
    return reference.decode(reference.frPyObjects([flat.tolist()], height, width))[..., 0].astype(bool)


def painted(shapes, height, width, *, by_size):
    """The class name of each pixel [H, W], from [(name, mask)] in the order of painting; None where it is not sure."""
    if by_size:
        shapes = sorted(shapes, key=lambda shape: -int(shape[1].sum()))
    top = np.full([height, width], "background", dtype=object)
    for name, mask in shapes:
        top[mask] = "background" if str(name).lower() == "background" else name
    return top


def read(kind, folder):
    """File name of each picture -> class names [H, W] and the number of shapes.

    Raises:
        Odd, or whatever the libraries raise: no opinion.
    """
    return {"coco": coco, "labelme": labelme, "yolo": yolo, "labelstudio": labelstudio, "cvat": cvat,
            "panoptic": panoptic, "masks": masks}[kind](folder)  # fmt: skip


def plain(text):
    """A class name without anything that a reader may tidy."""
    if not isinstance(text, str) or text != " ".join(text.split()) or not text.isprintable() or not text:
        raise Odd
    return text


def coco(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(str(folder / "ann.json"))
    found = {}
    ids = [a[key] for a in data.dataset["annotations"] for key in ("image_id", "category_id")]
    if any(type(value) is not int for value in ids):
        raise Odd  # pycocotools leaves them out without a word
    for number, entry in data.imgs.items():
        name, (height, width) = entry["file_name"], SIZES[entry["file_name"]]
        if name in found or (entry["height"], entry["width"]) != (height, width) or type(number) is not int:
            raise Odd
        annotations = data.loadAnns(data.getAnnIds(imgIds=[number]))
        if any(
            isinstance(a["segmentation"], list) and min(map(len, a["segmentation"]), default=0) < 5 for a in annotations
        ):
            raise Odd  # four numbers are a box to pycocotools
        shapes = [(plain(data.cats[a["category_id"]]["name"]), data.annToMask(a).astype(bool)) for a in annotations]
        if any(mask.shape != (height, width) for _, mask in shapes):
            raise Odd
        found[name] = painted(shapes, height, width, by_size=True), len(shapes)
    return found


def labelme(folder):
    found = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        name, shapes = document["imagePath"], []
        height, width = SIZES[name]
        if name[0] != path.stem or (document["imageHeight"], document["imageWidth"]) != (height, width):
            raise Odd
        unsure = np.zeros([height, width], np.uint8)  # outlines belong to labelme's shapes, not to pycocotools'
        for shape in document["shapes"]:
            points = np.array(shape["points"], np.float64)
            if shape["shape_type"] != "polygon" or points.shape != (len(points), 2) or shape["label"] == "__ignore__":
                raise Odd
            shapes.append((plain(shape["label"]), rasterised(points, height, width)))
            cv2.polylines(unsure, [points.astype(np.int32)], True, 1, 4)
        top = painted(shapes, height, width, by_size=False)
        top[unsure > 0] = None
        found[name] = top, len(shapes)
    return found


def yolo(folder):
    names = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))["names"]
    names = [plain(name) for name in names]
    found = {}
    for name, (height, width) in SIZES.items():
        shapes = []
        for line in (folder / "labels" / f"{name[0]}.txt").read_text(encoding="utf-8").splitlines():
            words = line.split()
            points = np.array([float(w) for w in words[1:]]).reshape(-1, 2) * (width, height)
            if words and (int(words[0]) < 0 or len(points) < 3):
                raise Odd
            if words:
                shapes.append((names[int(words[0])], rasterised(points, height, width)))
        found[name] = painted(shapes, height, width, by_size=True), len(shapes)
    return found


def labelstudio(folder):
    found = {}
    for task in json.loads((folder / "ls.json").read_text(encoding="utf-8")):
        name = PurePosixPath(task["data"]["image"]).name.partition("-")[2]
        height, width = SIZES[name]
        if name in found or len(task["data"]) != 1 or len(task["annotations"]) != 1:
            raise Odd
        shapes = []
        for result in task["annotations"][0]["result"]:
            value, size = result["value"], (result["original_height"], result["original_width"])
            if size != (height, width) or result["type"] != "polygonlabels" or len(value["polygonlabels"]) != 1:
                raise Odd
            if not all(isinstance(v, (int, float)) for p in value["points"] for v in p) or set(value) != {
                "points", "polygonlabels", "closed"
            }:  # fmt: skip
                raise Odd
            points = np.array(value["points"], np.float64) * (width / 100, height / 100)
            shapes.append((plain(value["polygonlabels"][0]), rasterised(points, height, width)))
        ids = [result["id"] for result in task["annotations"][0]["result"]]
        if len(set(map(str, ids))) != len(ids):
            raise Odd
        found[name] = painted(shapes, height, width, by_size=True), len(shapes)
    return found


def cvat(folder):
    found = {}
    for image in ElementTree.parse(folder / "annotations.xml").getroot().findall("image"):
        name, shapes = image.get("name"), []
        height, width = SIZES[name]
        if name in found or (int(image.get("height")), int(image.get("width"))) != (height, width):
            raise Odd
        for shape in sorted(image.findall("polygon"), key=lambda s: int(s.get("z_order"))):
            points = [[float(v) for v in pair.split(",")] for pair in shape.get("points").split(";")]
            if any(len(pair) != 2 for pair in points):
                raise Odd
            shapes.append((plain(shape.get("label")), rasterised(points, height, width)))
        if len(shapes) != len(image):
            raise Odd
        found[name] = painted(shapes, height, width, by_size=False), len(shapes)
    return found


def panoptic(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        data = json.loads((folder / "ann.json").read_text(encoding="utf-8"))
    categories = {c["id"]: plain(c["name"]) for c in data["categories"]}
    if any(type(value) is not int for value in categories):
        raise Odd
    found = {}
    for entry in data["images"]:
        (own,) = [a for a in data["annotations"] if a["image_id"] == entry["id"]]
        segments = {s["id"]: categories[s["category_id"]] for s in own["segments_info"]}
        ids = cv2.imread(str(folder / "pan" / own["file_name"]))[..., 2].astype(int)  # all of them are below 256
        top = np.array([[segments[i] for i in row] for row in ids.tolist()], dtype=object)
        found[entry["file_name"]] = top, len(segments)
    return found


def masks(folder):
    lines = (folder / "train" / "_classes.csv").read_text(encoding="utf-8").splitlines()[1:]
    table = {int(line.partition(",")[0]): plain(line.partition(",")[2].strip()) for line in lines}
    found = {}
    for name in SIZES:
        ids = cv2.imread(str(folder / "train" / f"{name[0]}_mask.png"), cv2.IMREAD_UNCHANGED)
        found[name] = np.array([[table[i] for i in row] for row in ids.tolist()], dtype=object), 1
    return found
