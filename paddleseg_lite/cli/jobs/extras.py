"""What ``tools/infer.py`` writes besides pictures: areas, probabilities, polygons for annotation tools, GeoTIFFs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...data.georeference import Georeference, read_georeference, write_geotiff
from ...errors import ConfigError, nearest
from ...files import open_whole, write_csv, write_json
from ...inference.loaded import Prediction
from ...interop.polygons import CocoWriter, geojson, labelme
from ...visualize import background_classes

KINDS = ("probabilities", "labelme", "coco", "geojson")


class Extras:
    """Collects predictions: ``areas.csv`` always, polygons where asked for.

    * ``probabilities``: ``probabilities/NAME.npz`` with ``probabilities`` (float16 ``[K, H, W]``) and
      ``class_names``; of a GeoTIFF a GeoTIFF of K bands (float32);
    * ``labelme``: ``labelme/NAME.json``, to be opened beside the picture, corrected, and trained on again
      (``tools/prepare.py labelme``);
    * ``coco``: ``coco.json`` of all pictures;
    * ``geojson``: ``geojson/NAME.geojson``, in pixels, of a GeoTIFF in its coordinates.

    The class ids of a GeoTIFF are always written as one, too: ``id_prediction/NAME.tif``.

    Args:
        kinds: of ``KINDS``.
        folder: where the results go.
        class_names: of the network.

    Raises:
        ConfigError: an unknown kind.
    """

    COMMON = ("areas.csv", "coco.json")  # files about all pictures

    def __init__(self, kinds: Sequence[str], folder: Path, class_names: Sequence[str]) -> None:
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(f"--also knows {', '.join(KINDS)}, not '{kind}'.{nearest(kind, KINDS)}")
        self.kinds, self.folder, self.class_names = set(kinds), folder, list(class_names)
        self.background = next(iter(background_classes(class_names)), None)
        self.coco = CocoWriter(class_names, background=self.background)
        self.rows: list[list[Any]] = []

    @staticmethod
    def targets(source: Path, name: Path, kinds: Sequence[str]) -> list[str]:
        """What :meth:`add` makes of a picture under this name, relative to the folder."""
        lies = read_georeference(source) is not None
        endings = {"labelme": "json", "geojson": "geojson", "probabilities": "tif" if lies else "npz"}
        own = [f"{kind}/{name.as_posix()}.{endings[kind]}" for kind in kinds if kind in endings]
        return [*own, f"id_prediction/{name.as_posix()}.tif"] if lies else own

    def add(self, prediction: Prediction, name: Path) -> None:
        """Take one prediction; ``name`` is that of its results, without an ending."""
        labels = prediction.labels
        counts = np.bincount(labels.ravel(), minlength=len(self.class_names))
        file = Path(prediction.path or name).name
        for class_name, count in zip(self.class_names, counts.tolist()):
            self.rows.append(
                [f"{name}", labels.shape[1], labels.shape[0], class_name, count, f"{count / labels.size:.6f}"]
            )
        reference = read_georeference(prediction.path) if prediction.path else None
        if reference is not None:
            ids = labels if labels.dtype == np.uint8 else labels.astype(np.uint16)
            write_geotiff(self.folder / "id_prediction" / f"{name}.tif", ids, reference)
        if "probabilities" in self.kinds:
            self._write_probabilities(prediction.probabilities, name, reference)
        if "labelme" in self.kinds:
            document = labelme(labels, self.class_names, file, background=self.background)
            write_json(self.folder / "labelme" / f"{name}.json", document)
        if "geojson" in self.kinds:
            place, epsg = (reference.place, reference.epsg) if reference is not None else (None, None)
            document = geojson(labels, self.class_names, background=self.background, transform=place, epsg=epsg)
            write_json(self.folder / "geojson" / f"{name}.geojson", document)
        if "coco" in self.kinds:
            self.coco.add(labels, file)

    def _write_probabilities(self, shares: np.ndarray, name: Path, reference: Georeference | None) -> None:
        path = self.folder / "probabilities" / name
        if reference is not None:
            target = path.with_name(f"{path.name}.tif")
            write_geotiff(target, shares.astype(np.float32), reference, description="\n".join(self.class_names))
            return
        with open_whole(path.with_name(f"{path.name}.npz")) as file:
            names = np.asarray(self.class_names, dtype=str)
            np.savez_compressed(file, probabilities=shares.astype(np.float16), class_names=names)

    def close(self) -> None:
        """Write what is about all pictures together."""
        if self.rows:
            write_csv(self.folder / "areas.csv", ["picture", "width", "height", "class", "pixels", "share"], self.rows)
        if "coco" in self.kinds:
            write_json(self.folder / "coco.json", self.coco.content)
