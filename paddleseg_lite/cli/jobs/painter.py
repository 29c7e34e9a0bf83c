"""The pictures of a prediction: classes over the image, class colours, class ids, the legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...data import colorize, write_png
from ...errors import ConfigError
from ...files import write_text
from ...inference.loaded import Loaded, Prediction
from ...visualize import overlays as pictures


class Painter:
    """Writes the pictures of one prediction.

    Args:
        loaded: for class names and palette.
        opacity: of the colours over the image, 0 to 1.
        contours: draw borders between classes.
        custom_color: R G B of every class, replacing the palette.
        background: ``hide`` leaves the image as it is where background is, ``show`` colours that too.
        legend: put a legend with each class's share beside the picture.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        opacity: float = 0.6,
        contours: bool = False,
        custom_color=None,
        background: str = "hide",
        legend: bool = False,
    ):
        if not 0 <= opacity <= 1:
            raise ConfigError(f"--opacity must lie between 0 and 1, got {opacity}.")
        self.loaded, self.opacity, self.contours = loaded, opacity, contours
        self.palette, self.beside = loaded.palette, legend
        self.hidden = pictures.background_classes(loaded.class_names) if background == "hide" else ()
        if custom_color is not None:
            needed = 3 * len(loaded.class_names)
            if len(custom_color) != needed or not all(0 <= v <= 255 for v in custom_color):
                raise ConfigError(
                    f"--custom_color takes {needed} numbers from 0 to 255, three for each of the "
                    f"{len(loaded.class_names)} classes; got {len(custom_color)}."
                )
            self.palette = np.asarray(custom_color, dtype=np.uint8).reshape(-1, 3)

    def added(self, prediction: Prediction) -> np.ndarray:
        """The image with the classes laid over it."""
        image, labels = pictures.rgb(prediction.image), prediction.labels
        picture = pictures.overlay(image, labels, self.palette, opacity=self.opacity, hidden=self.hidden)
        return pictures.contours(picture, labels) if self.contours else picture

    def write(self, prediction: Prediction, folder: Path, name: Path) -> None:
        """``added_prediction/``, ``pseudo_color_prediction/`` (palette PNG) and ``id_prediction/`` (raw ids)."""
        added = self.added(prediction)
        if self.beside:
            shares = pictures.class_shares(prediction.labels, len(self.loaded.class_names))
            added = pictures.beside(added, self.legend(height=added.shape[0], shares=shares))
        write_png(folder / "added_prediction" / f"{name}.png", added)
        ids, target = prediction.labels, folder / "pseudo_color_prediction" / f"{name}.png"
        if ids.dtype == np.uint8:
            write_png(target, ids, palette=self.palette)
        else:  # above 256 classes: no palette holds them
            write_png(target, colorize(ids, self.palette, ignore_index=None))
            ids = ids.astype(np.uint16)
        write_png(folder / "id_prediction" / f"{name}.png", ids)

    @staticmethod
    def targets(name: Path) -> list[str]:
        """What :meth:`write` makes under this name, relative to its folder."""
        kinds = ("added_prediction", "pseudo_color_prediction", "id_prediction")
        return [f"{kind}/{name.as_posix()}.png" for kind in kinds]

    def legend(self, *, height: int | None = None, shares=None) -> np.ndarray:
        """A colour and a name for every class, in as many columns as ``height`` pixels need."""
        count = len(self.loaded.class_names)
        rows = 40 if height is None else max(1, (height - 8) // 22)
        return pictures.legend(self.loaded.class_names, self.palette, columns=-(-count // rows), shares=shares)

    def write_legend(self, folder: Path) -> None:
        """``legend.png``, and ``legend.txt`` (UTF-8: id, colour, name)."""
        write_png(folder / "legend.png", self.legend())
        text = pictures.legend_text(self.loaded.class_names, self.palette)
        write_text(folder / "legend.txt", text)
