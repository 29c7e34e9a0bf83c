"""What ``tools/infer.py`` does: segment what ``--image_path`` names, write the pictures, go on past broken files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from ...data import colorize, write_png
from ...errors import ConfigError, DataError
from ...files import make_folder, write_text
from ...inference.earlier import RECORD, write_record
from ...inference.predictor import Loaded, Prediction
from ...inference.sources import Source, find_sources
from ...outputs import refuse_inputs
from ...progress import Progress
from ...visualize import overlays as pictures
from .backends import first_probe, use_engine
from .explain import EXPLAINED, Explainer
from .video import predict_video

logger = logging.getLogger("paddleseg_lite")


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

    def legend(self, *, height: int | None = None) -> np.ndarray:
        """A colour and a name for every class, in as many columns as ``height`` pixels need."""
        count = len(self.loaded.class_names)
        rows = 40 if height is None else max(1, (height - 8) // 22)
        return pictures.legend(self.loaded.class_names, self.palette, columns=-(-count // rows))

    def write_legend(self, folder: Path) -> None:
        """``legend.png``, and ``legend.txt`` (UTF-8: id, colour, name)."""
        write_png(folder / "legend.png", self.legend())
        text = pictures.legend_text(self.loaded.class_names, self.palette)
        write_text(folder / "legend.txt", text)


def results_of(source: Source, explain: bool) -> list[str]:
    """The files a source's results go to, relative to the folder of all."""
    if source.is_video:
        return [f"{source.name.as_posix()}.mp4"]
    explained = [f"explain/{source.name.as_posix()}/{name}" for name in EXPLAINED] if explain else []
    return [*Painter.targets(source.name), *explained]


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Any number of channels as three, for showing."""
    return np.repeat(image[..., :1], 3, axis=2) if image.shape[2] < 3 else image[..., :3]


def run_prediction(
    loaded: Loaded,
    pattern: str,
    save_dir: str | Path,
    painter: Painter,
    *,
    explain: bool = False,
    engine: str = "dygraph",
    precision: str | None = None,
    protected: Sequence[str | Path] = (),
) -> int:
    """Segment everything ``pattern`` names.

    Args:
        loaded: the network.
        pattern: see :func:`~paddleseg_lite.inference.sources.find_sources`.
        save_dir: where the results go.
        painter: writes them.
        explain: also write what the nodes of the network's graph unit look at (``explain/``).
        engine, precision: see :func:`use_engine`.
        protected: further files that no result may replace.

    Returns:
        0, or 1 when some files could not be read (they are listed at the end).

    Raises:
        ConfigError: ``explain``, and the network has no unit with nodes; or a result would replace an input.
    """
    explainer = Explainer(loaded) if explain else None
    sources = find_sources(pattern)
    folder = Path(save_dir)
    made: dict[str, list[str]] = {}
    for source in sources:
        made.setdefault(str(source.path), []).extend(results_of(source, explain))
    outputs = [folder / name for name in (*chain(*made.values()), "legend.png", "legend.txt", RECORD)]
    refuse_inputs(outputs, [pattern, *(source.path for source in sources), *protected], "--save_dir")
    make_folder(folder)
    write_record(folder, made)
    painter.write_legend(folder)
    images_ahead = None if any(s.is_video for s in sources) else len(sources)
    use_engine(loaded, engine, precision=precision, images=images_ahead, probe=lambda: first_probe(loaded, sources))
    broken: list[str] = []
    images = 0
    started = time.perf_counter()

    def one_image(source: Source) -> None:
        nonlocal images
        prediction = loaded.predict(source.path)
        painter.write(prediction, folder, source.name)
        if explainer is not None:
            explainer.write(prediction.image, folder / "explain" / source.name)
        images += 1

    with Progress(len(sources), "images") as progress:
        for source in sources:
            try:
                if source.is_video:
                    predict_video(loaded, source.path, folder / f"{source.name}.mp4", painter)
                else:
                    one_image(source)
            except DataError as e:
                broken.append(str(e))
                logger.warning("skipped: %s", e)
            progress.step(note=f"{len(broken)} broken" if broken else "")
    if broken:
        write_record(folder, {path: [r for r in results if (folder / r).exists()] for path, results in made.items()})
    if images:
        seconds = time.perf_counter() - started
        how = loaded.computed_by + (", CRF" if loaded.crf is not None else "")
        logger.info("%d images in %.1f s (%.1f images/s) with %s -> %s", images, seconds, images / seconds, how, folder)
    if explainer is not None:
        explainer.close(folder / "explain")
    if broken:
        logger.error("could not be read:\n  %s", "\n  ".join(broken))
        logger.error("%d of %d files could not be read (see above)", len(broken), len(sources))
    return 1 if broken else 0
