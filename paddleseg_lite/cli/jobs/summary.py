"""What ``tools/summary.py`` does: a recipe or a type name -> :class:`~paddleseg_lite.models.summary.Summary`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import paddle

from ...config import Config, load_config, parse_config
from ...config.reading import set_option
from ...errors import ConfigError
from ...files import whole_file
from ...models import Segmentor, build_model
from ...models.summary import Summary, summarize
from ...outputs import refuse_others
from ...registry import DATASETS

DEFAULT_CLASSES = 21  # VOC; what model zoos quote


def describe(
    *,
    config: str | None = None,
    model: str | None = None,
    opts: Sequence[str] = (),
    num_classes: int | None = None,
    height: int = 512,
    width: int = 512,
) -> Summary:
    """Summarize the network of a recipe, or a registered type; no data and no weights are read.

    Args:
        config, model: one of the two: a YAML file or a type name.
        opts: ``"model.key=value"`` overrides.
        num_classes: K; by default what the recipe or its dataset says, else 21.
        height, width: of the image.

    Raises:
        ConfigError: unknown type or argument, or a size the network cannot take.
    """
    network = lazy_network(config=config, model=model, opts=opts, num_classes=num_classes)
    with size_is_asked_for(width, height):
        return summarize(network, (1, network.in_channels, height, width))


def draw(path: str | Path, *, height: int = 512, width: int = 512, **which: Any) -> None:
    """Write the network's drawing to an SVG file; ``which``: as for :func:`describe`.

    Raises:
        ConfigError: as :func:`describe`, or a file name that does not end in ``.svg``.
    """
    from ...visualize.network_drawing import draw_network, is_drawing

    path = Path(path)
    if path.suffix.lower() != ".svg":
        raise ConfigError(f"--draw {path}: drawings are SVG files, so the name must end in .svg.")
    refuse_others(path, is_drawing, "--draw")
    network = lazy_network(**which)
    with size_is_asked_for(width, height):
        text = draw_network(network, (1, network.in_channels, height, width))
    with whole_file(path) as neighbour:
        neighbour.write_text(text, encoding="utf-8")


def lazy_network(
    *, config: str | None = None, model: str | None = None, opts: Sequence[str] = (), num_classes: int | None = None
) -> Segmentor:
    """The network that the arguments of :func:`describe` name, without weights."""
    if config is not None:
        recipe = load_config(config, opts=opts)
    else:
        tree: dict = {"model": {"type": model}}
        for text in opts:
            set_option(tree, text, {})
        recipe = parse_config(tree)
    spec = {k: v for k, v in recipe.model.items() if k != "pretrained"}
    classes = num_classes or spec.get("num_classes") or classes_of(recipe) or DEFAULT_CLASSES
    with paddle.LazyGuard():
        return build_model({**spec, "num_classes": classes})


@contextlib.contextmanager
def size_is_asked_for(width: int, height: int) -> Iterator[None]:
    """A size that a network refuses is the flag's fault."""
    try:
        yield
    except ValueError as e:
        raise ConfigError(f"--input_size {width} {height}: {e}") from None


def classes_of(recipe: Config) -> int | None:
    """Classes of the recipe's dataset, as far as it tells without its files."""
    spec = recipe.train_dataset or recipe.val_dataset
    if spec is None:
        return None
    fixed = getattr(DATASETS.get(spec["type"]), "fixed_names", None)
    return spec.get("num_classes") or (len(fixed) if fixed else None)
