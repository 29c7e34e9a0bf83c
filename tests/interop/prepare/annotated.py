"""Small annotated pictures for the tests of ``tools/prepare.py``."""

import json

import numpy as np

from paddleseg_lite.data import read_label, write_png

SQUARE = [[5, 5], [20, 5], [20, 20], [5, 20]]


def picture(path, height=40, width=60, seed=0):
    """A PNG of noise, whatever the ending of its name."""
    write_png(path, np.random.default_rng(seed).integers(0, 256, [height, width, 3], dtype=np.uint8))
    return path


def labelme_shape(label="cat", points=None, kind="polygon", **more):
    """A shape as labelme stores it."""
    return {"label": label, "points": SQUARE if points is None else points, "shape_type": kind, **more}


def labelme_file(path, *shapes, image="a.png", encoding="utf-8", **more):
    """A JSON file of labelme, and its picture beside it."""
    document = {"shapes": list(shapes), "imagePath": image, "imageHeight": 40, "imageWidth": 60, **more}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(document, ensure_ascii=False).encode(encoding))
    if isinstance(image, str) and not (path.parent / image).exists():
        picture(path.parent / image)


def coco_annotation(number=1, **changes):
    """A polygon of category 1 on image 1."""
    flat = [v for point in SQUARE for v in point]
    return {"id": number, "image_id": 1, "category_id": 1, "segmentation": [flat], "area": 225, "iscrowd": 0, **changes}


def coco_file(folder, annotations, images=None, categories=None, **more):
    """``ann.json`` and ``images/a.png``; the flags that name them."""
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}] if images is None else images,
        "categories": [{"id": 1, "name": "cat"}] if categories is None else categories,
        "annotations": annotations,
        **more,
    }
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "ann.json").write_text(json.dumps(document), encoding="utf-8")
    if not (folder / "images" / "a.png").exists():
        picture(folder / "images" / "a.png")
    return ["--json", folder / "ann.json", "--images", folder / "images"]


def labels_of(output):
    """Name -> ids that occur, of every label that was written."""
    found = sorted((output / "annotations").rglob("*.png"))
    return {p.relative_to(output / "annotations").as_posix(): np.unique(read_label(p)).tolist() for p in found}


def preparer(tool, output):
    """``prepare("coco", *flags)`` -> (status, output, errors), without a preview, into ``output``."""
    return lambda *arguments: tool("prepare", *arguments, "--output", output, "--no_preview")
