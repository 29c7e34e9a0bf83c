"""Datasets from a recipe, and what it tells of its classes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import ConfigError, DataError
from ..registry import DATASETS, TRANSFORMS
from .datasets import SegDataset
from .distinct_colours import own_palette
from .palette import parse_palette

logger = logging.getLogger("paddleseg_lite")

DEFAULT_TRANSFORMS = [{"type": "Normalize"}]  # of a dataset that names none, and of a network without a dataset


def inference_transforms(config: Config) -> list[Any]:
    """What is done to an image before the network sees it, in validation and prediction alike.

    The transforms of ``val_dataset``; without one, those of ``train_dataset`` that draw nothing.
    """
    spec = config.val_dataset or config.train_dataset or {}
    given = list(spec.get("transforms", DEFAULT_TRANSFORMS) or ())
    if config.val_dataset:
        return given
    kinds = [TRANSFORMS.get(t if isinstance(t, str) else t["type"]) for t in given]
    return [t for t, kind in zip(given, kinds) if not getattr(kind, "random", False)]


def build_dataset(spec: dict[str, Any], *, mode: str, cache: str | None = None) -> SegDataset:
    """Build a dataset; where ``spec`` does not say so, in this ``mode`` and with normalised images."""
    return DATASETS.build(spec, offered={"mode": mode, "cache": cache, "transforms": DEFAULT_TRANSFORMS})


def build_scored(spec: dict[str, Any], *, mode: str, cache: str | None = None) -> SegDataset:
    """Build a dataset to score on, of whatever split ``spec`` names.

    Raises:
        DataError: some of its pictures have no label.
    """
    dataset = build_dataset(spec, mode=mode, cache=cache)
    dataset = dataset.scored() if hasattr(dataset, "scored") else dataset
    lacking = [image for image, label in getattr(dataset, "items", None) or () if label is None]
    if lacking:
        source = getattr(dataset, "source", "the dataset")
        raise DataError(
            f"{len(lacking)} of the {len(dataset)} pictures of {source} have no label ({lacking[0]} is the "
            "first), and a score needs them: choose a split that has labels (--split val), or add them to the list."
        )
    return dataset


def files_of(dataset: Any) -> list[Path]:
    """The files a dataset reads: its pictures, labels and list; none of a procedural one."""
    listed = getattr(dataset, "source", None)
    pairs = getattr(dataset, "items", None) or ()
    return [*([Path(listed)] if isinstance(listed, str) else []), *(Path(p) for pair in pairs for p in pair if p)]


def split_spec(config: Config, split: str | None) -> tuple[dict[str, Any], str]:
    """The dataset to score on and its mode: ``val_dataset`` as it is, or of another split.

    A split's list that only ``train_dataset`` names is taken from there.

    Raises:
        ConfigError: the recipe has no dataset for it.
    """
    if split is None:
        if config.val_dataset is None:
            raise ConfigError("the config has no val_dataset to score on: add one, or say --split train.")
        return config.val_dataset, "val"
    spec = dict(config.val_dataset or config.train_dataset or {})
    if not spec:
        raise ConfigError("the config has no dataset to score on: add a val_dataset.")
    listed = f"{split}_path"
    trained_on = config.train_dataset or {}
    if listed not in spec and listed in trained_on:
        spec[listed] = trained_on[listed]
    return {**spec, "mode": split, "transforms": inference_transforms(config)}, split


def build_datasets(config: Config) -> tuple[Any, Any]:
    """``(train, val)``; ``val`` is ``None`` where the recipe has none. Their classes and bands must agree."""
    if config.train_dataset is None:
        raise ConfigError("the config has no train_dataset; training needs one.")
    train = build_dataset(config.train_dataset, mode="train", cache=config.cache)
    val = build_scored(config.val_dataset, mode="val", cache=config.cache) if config.val_dataset else None
    if val is not None and val.num_classes != train.num_classes:
        raise ConfigError(
            f"train_dataset has {train.num_classes} classes but val_dataset has {val.num_classes}; they must agree."
        )
    for key in ("ignore_index", "img_channels"):
        one, other = getattr(train, key, None), getattr(val, key, None)
        if None not in (one, other) and one != other:
            raise ConfigError(f"{key} of train_dataset is {one} but that of val_dataset {other}; they must agree.")
    return train, val


def check_bands(dataset: Any, in_channels: int | None) -> None:
    """Make sure that pictures have the bands a network takes, as far as that is known without reading one.

    Raises:
        ConfigError: they have not; with both numbers.
    """
    bands, transforms = getattr(dataset, "img_channels", None), getattr(dataset, "transforms", None) or ()
    if None in (bands, in_channels) or bands == in_channels:
        return
    if all(type(t).__module__.startswith(f"{__package__}.") for t in transforms):  # one of a user's own may add some
        raise ConfigError(
            f"the pictures of the dataset have {bands} bands (img_channels), and the network takes {in_channels}: set "
            f"model.in_channels to {bands}, or img_channels of the datasets to {in_channels}."
        )


def describe_classes(spec: dict[str, Any] | None, num_classes: int | None = None) -> dict[str, Any]:
    """``class_names``, ``palette``, ``num_classes`` and ``ignore_index`` of a dataset.

    Where its files are not on this machine, what its description tells: prediction needs no more.

    Args:
        spec: of the dataset; may be None.
        num_classes: used where the dataset does not tell.

    Raises:
        ConfigError: the number of classes is nowhere.
    """
    names = palette = None
    if spec is not None:
        kind = spec.get("type")
        entry = DATASETS.get(kind) if isinstance(kind, str) and kind in DATASETS else None
        try:
            if entry is None:  # of a user's own, and not needed to predict
                raise DataError(f"there is no dataset type {kind!r} here")
            found = build_dataset(spec, mode="val")
            return {key: getattr(found, key) for key in ("class_names", "palette", "num_classes", "ignore_index")}
        except DataError as e:
            logger.info("the dataset is not here, its classes are taken from the recipe (%s)", e)
        names, palette = getattr(entry, "fixed_names", None), getattr(entry, "fixed_palette", None)
        names = spec["class_names"] if isinstance(spec.get("class_names"), list) else names
        palette = spec.get("palette", palette)
        num_classes = spec.get("num_classes") or (len(names) if names else num_classes)
    if not num_classes:
        raise ConfigError("the number of classes is unknown: give model.num_classes, or a dataset that has it.")
    names = list(names or (f"class_{i}" for i in range(num_classes)))
    return {
        "class_names": names,
        "num_classes": num_classes,
        "palette": own_palette(names) if palette is None else parse_palette(palette, num_classes),
        "ignore_index": (spec or {}).get("ignore_index", 255),
    }
