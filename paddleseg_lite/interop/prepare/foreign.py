"""Which annotation tool wrote a JSON file that is not what was asked for, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

COCO_EXPORT = "export as COCO there and use 'prepare coco'"


def keys(*needed: str) -> Callable[[Any], bool]:
    """Tells whether an object has all these keys."""
    return lambda content: isinstance(content, dict) and set(needed) <= set(content)


def entries(*needed: str) -> Callable[[Any], bool]:
    """Tells whether the first entry of a list is an object with all these keys."""
    return lambda content: isinstance(content, list) and bool(content) and keys(*needed)(content[0])


def is_isat(content: Any) -> bool:
    """ISAT says so itself, in ``info``."""
    info = content.get("info") if isinstance(content, dict) else None
    return isinstance(info, dict) and "ISAT" in str(info.get("description")) and "objects" in content


def is_via(content: Any) -> bool:
    """VIA: ``file name + size`` -> regions, as a project or as annotations alone."""
    if not isinstance(content, dict):
        return False
    if any(key.startswith("_via_") for key in content):
        return True
    return bool(content) and all(keys("filename", "regions")(value) for value in content.values())


# name, how to tell, what to do: the first that fits
TOOLS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("labelme's JSON", keys("shapes", "imagePath"), "use 'prepare labelme --input FOLDER'"),
    ("ISAT's JSON", is_isat, "export as COCO in ISAT (its converter writes COCO and labelme files)"),
    ("EISeg's JSON", entries("labelIdx", "points"), "let EISeg save COCO, or use the PNG labels it saves beside"),
    ("a panoptic or instances file of COCO", keys("images", "annotations", "categories"), "use 'prepare coco'"),
    ("COCO results (predictions)", entries("image_id", "category_id"), "use the annotation file, not results"),
    ("SA-1B's JSON (Segment Anything)", keys("image", "annotations"), "it has masks but no classes"),
    ("VIA's JSON (VGG Image Annotator)", is_via, COCO_EXPORT),
    ("Datumaro's JSON (CVAT)", keys("categories", "items"), "export 'CVAT for images 1.1' and use 'prepare cvat'"),
    ("Label Studio's JSON", entries("annotations", "data"), "use 'prepare labelstudio --json FILE --images FOLDER'"),
    ("Label Studio's JSON", entries("completions", "data"), "use 'prepare labelstudio --json FILE --images FOLDER'"),
    ("Label Studio's JSON-MIN", entries("annotator", "id"), "use 'prepare labelstudio --json FILE --images FOLDER'"),
    ("Label Studio's predictions", entries("predictions", "data"), "accept them in Label Studio and export again"),
    ("Supervisely's JSON", keys("objects", "size"), COCO_EXPORT),
    ("a project file of Supervisely", keys("classes", "tags"), COCO_EXPORT),
    ("Labelbox's JSON", entries("Labeled Data"), COCO_EXPORT),
    ("Labelbox's JSON", entries("data_row"), COCO_EXPORT),
    ("Labelbox's JSON", keys("data_row", "projects"), COCO_EXPORT),
    ("VoTT's JSON", keys("asset", "regions"), COCO_EXPORT),
    ("VoTT's JSON", keys("assets", "tags"), COCO_EXPORT),
    ("V7 Darwin's JSON", keys("item", "annotations"), COCO_EXPORT),
    ("SuperAnnotate's JSON", keys("metadata", "instances"), COCO_EXPORT),
    ("CreateML's JSON (boxes)", entries("image", "annotations"), "it has boxes; segmentation needs polygons or masks"),
    ("Scalabel's JSON (BDD100K)", entries("name", "labels"), COCO_EXPORT),
    ("Scalabel's JSON (BDD100K)", keys("frames", "config"), COCO_EXPORT),
    ("Cityscapes' polygons", keys("imgHeight", "imgWidth", "objects"), "use 'prepare cityscapes --root FOLDER'"),
    ("Colabeler's JSON", keys("outputs", "path"), COCO_EXPORT),
    ("GeoJSON", keys("type", "features"), "burn the polygons into PNG labels first (gdal_rasterize, QGIS)"),
)


def looks_like(content: Any, *, but: str = "") -> str:
    """`` It looks like EISeg's JSON: ...`` for a file that another tool wrote, else an empty text.

    Args:
        content: the parsed JSON.
        but: names of tools that begin so are not told: those of the format that was expected.
    """
    for name, fits, remedy in TOOLS:
        if fits(content) and not (but and name.startswith(but)):
            return f" It looks like {name}: {remedy}."
    return ""
