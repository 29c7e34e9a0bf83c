"""What ``tools/infer.py`` writes besides pictures: areas of classes, polygons for annotation tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, nearest
from ...files import write_csv, write_json
from ...inference.predictor import Prediction
from ...interop.polygons import CocoWriter, geojson, labelme
from ...visualize import background_classes

KINDS = ("labelme", "coco", "geojson")


class Extras:
    """Collects predictions: ``areas.csv`` always, polygons where asked for.

    * ``labelme``: ``labelme/NAME.json``, to be opened beside the picture, corrected, and trained on again
      (``tools/prepare.py labelme``);
    * ``coco``: ``coco.json`` of all pictures;
    * ``geojson``: ``geojson/NAME.geojson``, in pixels.

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
    def targets(name: Path, kinds: Sequence[str]) -> list[str]:
        """What :meth:`add` makes under this name, relative to the folder."""
        endings = {"labelme": "json", "geojson": "geojson"}
        return [f"{kind}/{name.as_posix()}.{endings[kind]}" for kind in kinds if kind in endings]

    def add(self, prediction: Prediction, name: Path) -> None:
        """Take one prediction; ``name`` is that of its results, without an ending."""
        labels = prediction.labels
        counts = np.bincount(labels.ravel(), minlength=len(self.class_names))
        file = Path(prediction.path or name).name
        for class_name, count in zip(self.class_names, counts.tolist()):
            self.rows.append(
                [f"{name}", labels.shape[1], labels.shape[0], class_name, count, f"{count / labels.size:.6f}"]
            )
        if "labelme" in self.kinds:
            document = labelme(labels, self.class_names, file, background=self.background)
            write_json(self.folder / "labelme" / f"{name}.json", document)
        if "geojson" in self.kinds:
            document = geojson(labels, self.class_names, background=self.background)
            write_json(self.folder / "geojson" / f"{name}.geojson", document)
        if "coco" in self.kinds:
            self.coco.add(labels, file)

    def close(self) -> None:
        """Write what is about all pictures together."""
        if self.rows:
            write_csv(self.folder / "areas.csv", ["picture", "width", "height", "class", "pixels", "share"], self.rows)
        if "coco" in self.kinds:
            write_json(self.folder / "coco.json", self.coco.content)
