"""What ``tools/infer.py`` does: segment what ``--image_path`` names, write the pictures, go on past broken files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from ...errors import DataError
from ...files import make_folder
from ...inference.earlier import RECORD, write_record
from ...inference.loaded import Loaded
from ...inference.sources import Source, find_sources
from ...language import translate as _
from ...outputs import refuse_inputs
from ...progress import Progress
from .backends import first_probe, use_backend
from .explain import EXPLAINED, Explainer
from .extras import Extras
from .painter import Painter
from .strangers import Strangers
from .video import predict_video

logger = logging.getLogger("paddleseg_lite")


def results_of(source: Source, explain: bool, also: Sequence[str] = ()) -> list[str]:
    """The files a source's results go to, relative to the folder of all."""
    if source.is_video:
        return [f"{source.name.as_posix()}.mp4"]
    explained = [f"explain/{source.name.as_posix()}/{name}" for name in EXPLAINED] if explain else []
    return [*Painter.targets(source.name), *Extras.targets(source.path, source.name, also), *explained]


def run_prediction(
    loaded: Loaded,
    pattern: str,
    save_dir: str | Path,
    painter: Painter,
    *,
    explain: bool = False,
    also: Sequence[str] = (),
    backend: str = "dygraph",
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
        also: further results, see :class:`Extras`.
        backend, precision: see :func:`use_backend`.
        protected: further files that no result may replace.

    Returns:
        0, or 1 when some files could not be read (they are listed at the end).

    Raises:
        ConfigError: ``explain``, and the network has no unit with nodes; or a result would replace an input.
    """
    explainer = Explainer(loaded) if explain else None
    sources = find_sources(pattern)
    readable = [source for source in sources if not source.problem]
    for source in readable:
        if source.name.name != source.path.stem:
            logger.info("results of %s go under the name %s: others are called like it", source.path, source.name)
    folder = Path(save_dir)
    made: dict[str, list[str]] = {}
    for source in readable:
        made.setdefault(str(source.path), []).extend(results_of(source, explain, also))
    outputs = [folder / name for name in (*chain(*made.values()), "legend.png", "legend.txt", *Extras.COMMON, RECORD)]
    refuse_inputs(outputs, [pattern, *(source.path for source in readable), *protected], "--save_dir")
    make_folder(folder)
    write_record(folder, made)
    extras = Extras(also, folder, loaded.class_names)
    painter.write_legend(folder)
    images_ahead = None if any(s.is_video for s in sources) else len(sources)
    use_backend(loaded, backend, precision=precision, images=images_ahead, probe=lambda: first_probe(loaded, sources))
    broken: list[str] = []
    strangers = Strangers(loaded)
    images = 0
    started = time.perf_counter()

    def one_image(source: Source) -> None:
        nonlocal images
        prediction = loaded.predict(source.path, probabilities="probabilities" in also)
        strangers.look(source.path, prediction.image)
        painter.write(prediction, folder, source.name)
        extras.add(prediction, source.name)
        if explainer is not None:
            explainer.write(prediction.image, folder / "explain" / source.name)
        images += 1

    with Progress(len(sources), "images") as progress:
        for source in sources:
            try:
                if source.problem:
                    raise DataError(source.problem)
                if source.is_video:
                    predict_video(loaded, source.path, folder / f"{source.name}.mp4", painter)
                else:
                    one_image(source)
            except (DataError, MemoryError) as e:
                reason = str(e) if isinstance(e, DataError) else f"{source.path} does not fit into memory."
                broken.append(reason)
                logger.warning("skipped: %s", reason)
            progress.step(note=f"{len(broken)} broken" if broken else "")
    if broken:
        write_record(folder, {path: [r for r in results if (folder / r).exists()] for path, results in made.items()})
    if images:
        seconds = time.perf_counter() - started
        how = loaded.backend.name + (", CRF" if loaded.crf is not None else "")
        line = _("{} images in {:.1f} s ({:.1f} images/s) with {} -> {}")
        logger.info(line.format(images, seconds, images / seconds, how, folder))
    strangers.close(images)
    extras.close()
    if explainer is not None:
        explainer.close(folder / "explain")
    if broken:
        logger.error("could not be read:\n  %s", "\n  ".join(broken))
        logger.error("%d of %d files could not be read (see above)", len(broken), len(sources))
    return 1 if broken else 0
