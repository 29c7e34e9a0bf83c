"""What ``tools/infer.py`` does: find the images, segment each, write the pictures, go on past broken files."""

from __future__ import annotations

import glob
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cli import make_folder
from ..data import write_png
from ..engine import pictures
from ..engine.predictor import Loaded, Prediction
from ..errors import ConfigError, DataError

logger = logging.getLogger("paddleseg_lite")

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


@dataclass(frozen=True)
class Source:
    """An image and the name its results go under (sub-folders kept)."""

    path: Path
    name: Path


def find_images(pattern: str) -> list[Source]:
    """Expand an image, a folder (with sub-folders), a glob or a ``.txt`` list.

    Raises:
        DataError: nothing is there, or no image among it.
    """
    path = Path(pattern)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_ENDINGS and p.is_file())
        sources = [Source(p, p.relative_to(path).with_suffix("")) for p in found]
    elif path.suffix.lower() in {".txt", ".lst"} and path.is_file():
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        listed = [line.split("\t")[0].split(",")[0].strip() for line in lines if line.strip()]
        sources = [Source(path.parent / line, Path(Path(line).name).with_suffix("")) for line in listed]
    elif path.is_file():
        sources = [Source(path, Path(path.stem))]
    else:
        sources = [Source(Path(p), Path(Path(p).stem)) for p in sorted(glob.glob(pattern, recursive=True))]
    if not sources:
        raise DataError(
            f"--image_path {pattern}: no image found. Give an image, a folder, a glob in quotes, or a .txt list."
        )
    return unique_names(sources)


def unique_names(sources: list[Source]) -> list[Source]:
    """Keep results apart where two images share a name (``a.jpg`` and ``a.png``)."""
    seen: dict[Path, int] = {}
    result = []
    for source in sources:
        count = seen[source.name] = seen.get(source.name, 0) + 1
        name = source.name if count == 1 else source.name.with_name(f"{source.name.name}_{count}")
        result.append(Source(source.path, name))
    return result


class Painter:
    """Writes the pictures of one prediction.

    Args:
        loaded: for class names and palette.
        opacity: of the colours over the image, 0 to 1.
        contours: draw borders between classes.
        custom_color: R G B of every class, replacing the palette.
    """

    def __init__(self, loaded: Loaded, *, opacity: float = 0.6, contours: bool = False, custom_color=None):
        if not 0 <= opacity <= 1:
            raise ConfigError(f"--opacity must lie between 0 and 1, got {opacity}.")
        self.loaded, self.opacity, self.contours = loaded, opacity, contours
        self.palette = loaded.palette
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
        picture = pictures.overlay(as_rgb(prediction.image), prediction.labels, self.palette, opacity=self.opacity)
        return pictures.contours(picture, prediction.labels) if self.contours else picture

    def write(self, prediction: Prediction, folder: Path, name: Path) -> None:
        """``added_prediction/``, ``pseudo_color_prediction/`` (palette PNG) and ``id_prediction/`` (raw ids)."""
        write_png(folder / "added_prediction" / f"{name}.png", self.added(prediction))
        write_png(folder / "pseudo_color_prediction" / f"{name}.png", prediction.labels, palette=self.palette)
        write_png(folder / "id_prediction" / f"{name}.png", prediction.labels)

    def write_legend(self, folder: Path) -> None:
        """``legend.png``: a colour and a name for every class."""
        columns = 1 + len(self.loaded.class_names) // 40
        write_png(folder / "legend.png", pictures.legend(self.loaded.class_names, self.palette, columns=columns))


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Any number of channels as three, for showing."""
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., :3]


def run_prediction(loaded: Loaded, pattern: str, save_dir: str | Path, painter: Painter) -> int:
    """Segment everything ``pattern`` names.

    Returns:
        0, or 1 when some files could not be read (they are listed at the end).
    """
    sources = find_images(pattern)
    folder = make_folder(save_dir)
    painter.write_legend(folder)
    broken: list[str] = []
    started = time.perf_counter()
    for source in sources:
        try:
            painter.write(loaded.predict(source.path), folder, source.name)
        except DataError as e:
            broken.append(str(e))
            logger.warning("skipped: %s", e)
    done = len(sources) - len(broken)
    seconds = time.perf_counter() - started
    rate = done / seconds
    logger.info("%d images in %.1f s (%.1f images/s) with %s -> %s", done, seconds, rate, loaded.engine, folder)
    if broken:
        logger.error("%d of %d files could not be read:\n  %s", len(broken), len(sources), "\n  ".join(broken))
    return 1 if broken else 0
