"""Where on the Earth the pixels of a GeoTIFF lie, so that what is made of it lies there, too.

Source: OGC GeoTIFF 1.1 (19-008r4): ModelPixelScale, ModelTiepoint, ModelTransformation, the directory of geo keys.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..files import whole_file

_SCALE, _TIEPOINT, _MATRIX, _KEYS = 33550, 33922, 34264, 34735
_KEPT = {_SCALE: 12, _TIEPOINT: 12, _MATRIX: 12, _KEYS: 3, 34736: 12, 34737: 2}  # tag -> TIFF type
_RASTER_TYPE, _GEOGRAPHIC, _PROJECTED = 1025, 2048, 3072  # geo keys
_PIXEL_IS_POINT, _USER_DEFINED = 2, 32767


@dataclass(frozen=True)
class Georeference:
    """The georeference of one picture.

    Attributes:
        tags: ``{tag: value}`` as stored, to be written again.
        matrix: float64 ``[2, 3]``: column and row of a pixel's upper left corner, 1 -> x and y.
        epsg: number of the coordinate system, where it has one.
    """

    tags: dict[int, Any]
    matrix: np.ndarray
    epsg: int | None

    def place(self, points: np.ndarray) -> np.ndarray:
        """Coordinates ``[N, 2]`` of points ``[N, 2]`` in pixels (x to the right, y down, from the outer corner)."""
        return np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]


def read_georeference(path: str | os.PathLike) -> Georeference | None:
    """The georeference of a file; ``None`` where it is no TIFF, or one without (or with one that is not affine)."""
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return None
    try:
        with tifffile.TiffFile(path) as file:
            first: Any = file.pages[0]
            stored = first.tags
            if stored.valueof(274, default=1) != 1:
                return None  # turned upright when read: the tags would mean other pixels
            tags = {tag: stored.valueof(tag) for tag in _KEPT if tag in stored}
        keys = _geo_keys(tags.get(_KEYS))
        matrix = _affine(tags)
    except Exception:  # tags may hold anything; whether the picture can be read is told by its reader
        return None
    if matrix is None:
        return None
    if keys.get(_RASTER_TYPE) == _PIXEL_IS_POINT:  # the tags speak of centres
        matrix = np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2].sum(1) / 2])
    epsg = keys.get(_PROJECTED) or keys.get(_GEOGRAPHIC)
    return Georeference(tags, matrix, epsg if epsg and 0 < epsg < _USER_DEFINED else None)


def write_geotiff(
    path: str | os.PathLike, array: np.ndarray, reference: Georeference, *, description: str = ""
) -> None:
    """Write ``[H, W]``, or bands ``[K, H, W]``, as a compressed TIFF that lies where ``reference`` says."""
    extra = [
        (tag, _KEPT[tag], 0 if isinstance(value, str) else len(value), value, True)
        for tag, value in reference.tags.items()
    ]
    with whole_file(path) as target:
        tifffile.imwrite(
            target,
            array,
            photometric="minisblack",
            planarconfig="separate" if array.ndim == 3 else None,
            compression="zlib",
            predictor=array.dtype.kind == "u",
            description=description or None,
            metadata=None,
            extratags=extra,
        )


def _geo_keys(directory: Any) -> dict[int, int]:
    """Keys whose value stands in the directory itself."""
    entries = np.asarray(directory if directory is not None else [], np.int64)
    return {int(k): int(v) for k, place, _, v in entries[4 : len(entries) // 4 * 4].reshape(-1, 4) if place == 0}


def _affine(tags: dict[int, Any]) -> np.ndarray | None:
    """``[2, 3]`` from the transformation, or from scale and one tie point; ``None`` where neither is there."""
    if _MATRIX in tags:
        full = np.asarray(tags[_MATRIX], np.float64).reshape(4, 4)
        matrix = full[:2][:, [0, 1, 3]]
    elif _SCALE in tags and _TIEPOINT in tags and len(tags[_TIEPOINT]) == 6:
        (sx, sy), (i, j, _, x, y, _) = tags[_SCALE][:2], tags[_TIEPOINT]
        matrix = np.array([[sx, 0, x - i * sx], [0, -sy, y + j * sy]], np.float64)
    else:
        return None
    usable = np.isfinite(matrix).all() and abs(np.linalg.det(matrix[:, :2])) > 0
    return matrix if usable else None
