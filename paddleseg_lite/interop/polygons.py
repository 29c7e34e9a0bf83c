"""Class maps as polygons that annotation tools can open, so that a prediction can be corrected and trained on again.

labelme     one JSON a picture; a hole is a shape of the background, drawn after the region that has it
COCO        one JSON for all pictures: outlines, boxes and areas; holes as further rings
GeoJSON     one file a picture, in pixels, or in the coordinates of a georeferenced TIFF
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ..version import __version__

LABELME_VERSION = "5.5.0"  # of the format


@dataclass(frozen=True)
class Region:
    """One connected region: its class, its outline ``[N, 2]`` and the outlines of its holes, x and y in pixels."""

    class_id: int
    outline: np.ndarray
    holes: tuple[np.ndarray, ...]
    area: int  # pixels


def regions(labels: np.ndarray, *, skip: Iterable[int] = (), least: int = 1) -> Iterator[Region]:
    """Connected regions of a class map, largest first within a class.

    Args:
        labels: ``[H, W]`` class ids.
        skip: classes that are left out (background).
        least: pixels a region must have.
    """
    for class_id in np.unique(labels):
        if int(class_id) in set(skip):
            continue
        mask = (labels == class_id).astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        for part in sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA]):
            x, y, w, h, area = (int(v) for v in stats[part])
            if area < least:
                continue
            own = (parts[y : y + h, x : x + w] == part).astype(np.uint8)
            outer, *holes = _rings(own)
            offset = np.array([x, y])
            yield Region(int(class_id), outer + offset, tuple(hole + offset for hole in holes), area)


def _rings(mask: np.ndarray) -> list[np.ndarray]:
    """The outline of a connected mask along pixel edges, then those of its holes.

    OpenCV's contours run through pixel centres and lose half a pixel on each side; on a mask of twice the size
    with a border they run along the edges.
    """
    doubled = cv2.copyMakeBorder(np.kron(mask, np.ones((2, 2), np.uint8)), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    found, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = []
    for ring, (_, _, _, parent) in zip(found, tree[0]):
        points = ring[:, 0].astype(np.float64) - 1
        # of the two pixels that a pixel became, the even one is at its left or upper edge, the odd one at the other
        rings.append((parent, (points + (points % 2 == 1)) / 2))
    return [points for _, points in sorted(rings, key=lambda item: item[0] >= 0)]


def labelme(
    labels: np.ndarray, class_names: Sequence[str], picture: str, *, background: int | None, tolerance: float = 1.0
) -> dict[str, Any]:
    """A labelme document for a class map.

    Args:
        labels: ``[H, W]``.
        class_names: names of the classes.
        picture: path of the picture as labelme shall find it.
        background: the class that needs no shape, painted where nothing is; None where all are drawn.
        tolerance: pixels by which an outline may be off, so that it has few points to move by hand; 0 keeps
            every corner.
    """
    shapes = []
    for region in regions(labels, skip=() if background is None else (background,)):
        shapes.append(_shape(class_names[region.class_id], simplified(_through_centres(region.outline), tolerance)))
        if background is not None:  # else other regions fill the holes
            rings = [simplified(_through_centres(hole), tolerance) for hole in region.holes]
            shapes += [_shape(class_names[background], ring) for ring in rings]
    shapes.sort(key=lambda shape: -_area(shape["points"]))  # what lies in a hole is drawn after it
    height, width = labels.shape
    return {
        "version": LABELME_VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": picture,
        "imageData": None,
        "imageHeight": int(height),
        "imageWidth": int(width),
    }


def simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """The ring with as few points as stay within ``tolerance`` pixels (Douglas and Peucker), at least three."""
    if tolerance <= 0:
        return ring
    found = cv2.approxPolyDP(np.ascontiguousarray(ring, np.float32)[:, None], tolerance, True)[:, 0]
    return found.astype(np.float64) if len(found) >= 3 else ring


def _through_centres(ring: np.ndarray) -> np.ndarray:
    """The same pixels outlined through the centres of the outermost, as labelme draws; at least three points."""
    corner = ring.min(0)
    width, height = (int(v) for v in ring.max(0) - corner)
    filled = _fill((height, width), ring - corner).astype(np.uint8)
    (points, *_), _ = cv2.findContours(filled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = points[:, 0].astype(np.float64) + corner
    return np.concatenate([points, points[-1:].repeat(max(0, 3 - len(points)), axis=0)])


def _shape(label: str, points: np.ndarray) -> dict[str, Any]:
    return {"label": str(label), "points": points.tolist(), "group_id": None, "shape_type": "polygon", "flags": {}}


def _area(points: Sequence[Sequence[float]]) -> float:
    x, y = np.asarray(points).T
    return 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


class CocoWriter:
    """Collects pictures into one COCO document; every connected region is an annotation."""

    def __init__(self, class_names: Sequence[str], *, background: int | None):
        self.background = background
        self.content: dict[str, Any] = {
            "info": {"description": "predictions", "version": __version__},
            "images": [],
            "annotations": [],
            "categories": [
                {"id": i, "name": str(name), "supercategory": ""}
                for i, name in enumerate(class_names)
                if i != background
            ],
        }

    def add(self, labels: np.ndarray, file_name: str) -> None:
        """Add one picture's class map."""
        images, annotations = self.content["images"], self.content["annotations"]
        height, width = labels.shape
        image_id = len(images) + 1
        images.append({"id": image_id, "file_name": file_name, "width": int(width), "height": int(height)})
        for region in regions(labels, skip=() if self.background is None else (self.background,)):
            left, top = region.outline.min(0)
            right, bottom = region.outline.max(0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": region.class_id,
                    "segmentation": rle(labels.shape, region) if region.holes else [region.outline.ravel().tolist()],
                    "bbox": [float(left), float(top), float(right - left), float(bottom - top)],
                    "area": region.area,
                    "iscrowd": int(bool(region.holes)),  # polygons cannot have holes in COCO: run lengths can
                }
            )


def rle(size: tuple[int, ...], region: Region) -> dict[str, Any]:
    """COCO's uncompressed run lengths of a region, column by column, starting with zeros."""
    mask = mask_of(size, region).T.ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[0], mask, [2]])))
    counts = np.diff(np.concatenate([[0], changes]))
    return {"size": [int(s) for s in size], "counts": counts.tolist()}


def mask_of(size: tuple[int, ...], region: Region) -> np.ndarray:
    """The pixels of a region, uint8 ``[H, W]``: those whose centres lie inside the outline and in no hole."""
    height, width = size
    inside = np.zeros((height, width), bool)
    for ring in (region.outline, *region.holes):
        inside ^= _fill(size, ring)
    return inside.astype(np.uint8)


def _fill(size: tuple[int, ...], ring: np.ndarray) -> np.ndarray:
    """Even-odd fill of a polygon with edges along pixel edges: a running count of vertical edges."""
    height, width = size
    crossings = np.zeros((height, width + 1), np.int64)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0)):
        if x0 == x1 and y0 != y1:
            top, bottom = sorted((round(y0), round(y1)))
            crossings[top:bottom, round(x0)] += 1
    return crossings[:, :width].cumsum(1) % 2 == 1


def geojson(
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    background: int | None,
    transform: Any = None,
    epsg: int | None = None,
) -> dict[str, Any]:
    """A GeoJSON document of a class map.

    Args:
        labels: ``[H, W]``.
        class_names: names of the classes.
        background: a class that is left out.
        transform: ``f(points [N, 2]) -> points`` from pixels to coordinates; pixels unless given.
        epsg: number of the coordinates' system, named in ``crs`` (of GeoJSON 2008; QGIS and GDAL read it).
    """
    place = transform or (lambda points: points)
    features = []
    for region in regions(labels, skip=() if background is None else (background,)):
        rings = [_closed(place(ring)) for ring in (region.outline, *region.holes)]
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "class_id": region.class_id,
                    "class": str(class_names[region.class_id]),
                    "pixels": region.area,
                },
                "geometry": {"type": "Polygon", "coordinates": rings},
            }
        )
    system = {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}}} if epsg else {}
    return {"type": "FeatureCollection", **system, "features": features}


def _closed(points: np.ndarray) -> list[list[float]]:
    return np.concatenate([points, points[:1]]).tolist()
