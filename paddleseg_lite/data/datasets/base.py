"""What every dataset is: samples by index, classes with names and colours.

    raw = dataset.load(i)              image, label at their own size, meta
    sample = dataset.get(i, rng)       the same, transformed

A sample is a dict:

    image   uint8 [H, W, C], RGB; float32 after Normalize
    label   uint8 or int32 [H, W]; absent in test mode
    weight  float32 [H, W], where a transform adds it
    meta    {path, label_path, index, size: (H, W) of the original,
             trans_info: what restore() needs to undo}

In train mode the transforms see image and label. In val mode they see the image
only: the label keeps the size of its file, and scores are taken there.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from ...files import expanded
from ..cache import DecodedCache, cache_path
from ..distinct_colours import own_palette
from ..label_map import LabelMap
from ..levels import parse_value_range
from ..palette import parse_palette
from ..transforms.base import Sample
from ..transforms.compose import Compose

MODES = ("train", "val", "test")


class SegDataset:
    """Base of all datasets; a subclass gives ``__len__``, :meth:`read` and :meth:`raw_label`.

    Attributes:
        fixed_names, fixed_palette: classes of a published dataset; ``num_classes``
            need not be given then, and must agree where it is.

    Args:
        num_classes: K.
        class_names: K names; the dataset's own, or ``class_0`` and so on, unless given.
        palette: K RGB triples; the dataset's own, or bright ones that are told apart, unless given.
        mode: train, val or test (no labels).
        transforms: specs ``{type: NAME, ...}`` or callables ``(sample, rng) -> sample``.
        ignore_index: the id of pixels that count for nothing.
        label_map: stored id -> class id or ``ignore_index``, on top of the dataset's own
            (:meth:`default_label_map`); other ids stay what they are.
        img_channels: of the image: 3 (RGB), 1 (grey), or as many bands as the files have.
        value_range: ``[low, high]``, or one pair for each band: the stored values of 16-bit and floating-point
            images that become 0 and 255. By default the whole range of 16 bits; 8-bit images stay as they are.
        cache: ``memory`` or ``disk`` keeps decoded samples for the next epoch.
        cache_bytes: no more than this.
        cache_dir: folder of the disk cache; ``PADDLESEG_LITE_CACHE`` or ``~/.cache/paddleseg_lite`` by default.
    """

    fixed_names: Sequence[str] | None = None
    fixed_palette: Any = None

    def __init__(
        self,
        *,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        palette: Any = None,
        mode: str = "train",
        transforms: Sequence[Any] | None = None,
        ignore_index: int = 255,
        label_map: Mapping[int, int] | None = None,
        img_channels: int = 3,
        value_range: Sequence[Any] | None = None,
        cache: str | None = None,
        cache_bytes: int = 2 << 30,
        cache_dir: str | None = None,
    ) -> None:
        num_classes = self._agree(num_classes)
        if mode not in MODES:
            raise ConfigError(f"dataset mode is one of {', '.join(MODES)}, but got {mode!r}.")
        if cache not in (None, "memory", "disk"):
            raise ConfigError(f"dataset cache is memory, disk or none, but got {cache!r}.")
        self.num_classes, self.mode, self.ignore_index = num_classes, mode, ignore_index
        if isinstance(img_channels, bool) or not isinstance(img_channels, int) or img_channels < 1:
            raise ConfigError(f"img_channels is a positive integer, the bands of an image, but got {img_channels!r}.")
        self.img_channels, self.value_range = img_channels, parse_value_range(value_range)
        self.class_names = _names(self.fixed_names if class_names is None else class_names, num_classes)
        palette = self.fixed_palette if palette is None else palette
        self.palette = own_palette(self.class_names)
        if palette is not None:
            self.palette = parse_palette(palette, num_classes)[:num_classes]
        self.labels = LabelMap(num_classes, ignore_index, self._joined_map(label_map))
        self.transforms = Compose(transforms, ignore_index=ignore_index)
        if mode != "train":
            self._refuse_random(f"{mode} mode")
        self._cache_settings = cache, cache_bytes, cache_dir
        self._cache: DecodedCache | None = None

    def __len__(self) -> int:
        raise NotImplementedError

    def default_label_map(self) -> Mapping[int, int]:
        """The dataset's own table from stored ids to class ids; ``self.ignore_index`` is set."""
        return {}

    def read(self, index: int) -> Sample:
        """Read or make sample ``index``: image, label (ids as stored), and ``path``, ``label_path`` in meta."""
        raise NotImplementedError

    def raw_label(self, index: int) -> tuple[np.ndarray, str]:
        """The label as stored, without the image, and its name in messages: for the census."""
        raise NotImplementedError

    def load(self, index: int) -> Sample:
        """Sample ``index`` before any transform, its label mapped and checked.

        Raises:
            DataError: a file is missing or damaged, sizes differ, or an id is no class.
        """
        index = self._index(index)
        held = self._cache.get(index) if self._cache is not None else None
        if held is not None:
            sample: Sample = {"image": held[0], "meta": self.describe(index)}
            if held[1] is not None:
                sample["label"] = held[1]
        else:
            sample = self.read(index)
            if sample.get("label") is not None:
                self._check_label(sample)
            if self._cache is not None:
                self._cache.put(index, sample["image"], sample.get("label"))
        sample["meta"].update(index=index, size=tuple(sample["image"].shape[:2]), trans_info=[])
        return sample

    def get(self, index: int, rng: np.random.Generator | None = None) -> Sample:
        """Sample ``index``, transformed; ``rng`` is what the transforms draw from (fixed by index unless given)."""
        sample = self.load(index)
        rng = np.random.default_rng(index) if rng is None else rng
        if self.mode == "train":
            return self.transforms(sample, rng)
        label = sample.pop("label", None)
        sample = self.transforms(sample, rng)
        if label is not None:
            sample["label"] = label
        return sample

    def scored(self) -> SegDataset:
        """The same samples as validation has them, whatever their split: the transforms touch the image alone.

        Raises:
            ConfigError: a transform draws at random.
        """
        if self.mode != "train":
            return self
        self._refuse_random("a split that is scored")
        view = copy.copy(self)
        view.mode = "val"
        return view

    def describe(self, index: int) -> dict[str, Any]:
        """``path`` and ``label_path`` of a sample, without reading it."""
        return {"path": f"{type(self).__name__}/{index}", "label_path": None}

    def open_cache(self) -> None:
        """Map the cache that was asked for; the loader calls it before it forks workers."""
        kind, size, folder = self._cache_settings
        if kind is None or self._cache is not None or len(self) == 0:
            return
        path = cache_path(folder, self.fingerprint()) if kind == "disk" else None
        self._cache = DecodedCache(len(self), size, path)

    def fingerprint(self) -> str:
        """What decoded samples depend on: a change makes a new disk cache."""
        return repr(
            (
                type(self).__name__,
                len(self),
                self.num_classes,
                self.ignore_index,
                self.mode,
                sorted(self.labels.mapping.items()),
                self.img_channels,
                self.value_range,
                self._cache_settings[1],
            )
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None}  # a mapping cannot be sent; forked workers inherit it instead

    def _agree(self, num_classes: int | None) -> int:
        fixed = None if self.fixed_names is None else len(self.fixed_names)
        if fixed is not None and num_classes not in (None, fixed):
            raise ConfigError(
                f"{type(self).__name__} has {fixed} classes, but num_classes is {num_classes}: leave it out, or use "
                "type Dataset with a label_map for classes of your own."
            )
        num_classes = fixed if num_classes is None else num_classes
        if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
            raise ConfigError(f"num_classes is a positive integer, but got {num_classes!r}.")
        if num_classes == 1:
            raise ConfigError(
                "num_classes is 1, and with a single class every pixel is of it: count the background as well, "
                "num_classes: 2, with 0 for background and 1 for the object in the labels (masks of 0 and 255: "
                "label_map: {255: 1})."
            )
        return num_classes

    def _refuse_random(self, where: str) -> None:
        if self.transforms.random_ones():
            raise ConfigError(
                f"{type(self).__name__} in {where}: {', '.join(self.transforms.random_ones())} change images at "
                "random, and scores with them: keep them in train_dataset alone."
            )

    def _joined_map(self, label_map: Mapping[int, int] | None) -> dict[int, int]:
        if label_map is not None and not isinstance(label_map, Mapping):
            raise ConfigError(f"label_map is a table of id: id, such as {{11: 255}}, but got {label_map!r}.")
        return {**self.default_label_map(), **(label_map or {})}

    def _index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}.")
        return int(index) % len(self)

    def _check_label(self, sample: Sample) -> None:
        path = sample["meta"].get("label_path") or sample["meta"].get("path")
        label, size = sample["label"], sample["image"].shape[:2]
        if label.shape != size:
            turned = (
                " The sides are swapped: one of the files carries an EXIF orientation and the other does not."
                if label.shape == size[::-1]
                else ""
            )
            raise DataError(
                f"label {path} is {label.shape[1]} x {label.shape[0]}, but its image {sample['meta'].get('path')} is "
                f"{size[1]} x {size[0]} (width x height): a label has a pixel for each pixel of its image.{turned} "
                "Make the label again from the image, or correct the pair in the list."
            )
        sample["label"] = self.labels.apply(label, str(path))


MOST_SAMPLES = 10**9  # of a data set that draws them


def expand(path: str | os.PathLike) -> Path:
    """A path with ``~`` replaced (:func:`paddleseg_lite.files.expanded`)."""
    return expanded(path)


def listed(text: str) -> tuple[str, ...]:
    """The names that a text lists, separated by commas."""
    return tuple(" ".join(name.split()) for name in text.split(","))


def _names(names: Iterable[str] | None, num_classes: int) -> list[str]:
    if names is None:
        return [f"class_{i}" for i in range(num_classes)]
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != num_classes:
        count = len(names) if isinstance(names, Sequence) and not isinstance(names, str) else repr(names)
        raise ConfigError(f"class_names has {count} entries for num_classes {num_classes}: give one for each class.")
    return [str(n) for n in names]
