"""Datasets of image and label files in pairs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ..io import read_image, read_label
from ..transforms.base import Sample
from .base import SegDataset


class FileDataset(SegDataset):
    """Pairs of files; a subclass sets ``self.items`` by :meth:`set_items`."""

    items: list[tuple[str, str | None]]

    def set_items(
        self,
        items: Iterable[tuple[str | os.PathLike, str | os.PathLike | None]],
        source: str,
        *,
        labels_in_test: bool = False,
    ) -> None:
        """Take the pairs.

        Args:
            source: where the pairs come from, for messages.
            labels_in_test: in test mode, take the labels that are there; by default none.

        Raises:
            DataError: there are none, or files are missing (count and first five).
        """
        self.source = source
        self.items = [(str(image), None if label is None else str(label)) for image, label in items]
        if self.mode == "test":
            kept = os.path.isfile if labels_in_test else (lambda _: False)
            self.items = [(image, label if label and kept(label) else None) for image, label in self.items]
        if not self.items:
            raise DataError(
                f"{type(self).__name__} ({self.mode}) is empty: {source} lists no images. "
                "Write one 'image label' pair a line."
            )
        missing = [path for pair in self.items for path in pair if path is not None and not os.path.isfile(path)]
        if missing:
            first = "".join(f"\n  {path}" for path in missing[:5])
            more = "\n  ..." if len(missing) > 5 else ""
            raise DataError(
                f"{len(missing)} of the files in {source} do not exist:{first}{more}\n"
                "Correct dataset_root, or the paths in the list (they are relative to dataset_root)."
            )

    def __len__(self) -> int:
        return len(self.items)

    def describe(self, index: int) -> dict[str, Any]:
        image, label = self.items[index]
        return {"path": image, "label_path": label}

    def read(self, index: int) -> Sample:
        meta = self.describe(index)
        sample = {"image": read_image(meta["path"], self.img_channels, value_range=self.value_range), "meta": meta}
        if meta["label_path"] is not None:
            sample["label"] = read_label(meta["label_path"])
        return sample

    def raw_label(self, index: int) -> tuple[np.ndarray, str]:
        path = self.items[self._index(index)][1]
        if path is None:
            raise DataError(
                f"{type(self).__name__} in {self.mode} mode: image {self.items[self._index(index)][0]} has no label."
            )
        return read_label(path), path

    def fingerprint(self) -> str:
        stats = [(path, *os.stat(path)[6:9:2]) for pair in self.items for path in pair if path]  # size, mtime
        return super().fingerprint() + repr(stats)


def need_folder(root: Path, inside: Iterable[str], name: str, remedy: str) -> None:
    """Raise DataError unless ``root`` exists and holds the folders or files in ``inside``."""
    if not root.is_dir():
        raise DataError(f"{name}: dataset_root {root} does not exist. {remedy}")
    lacking = [part for part in inside if not (root / part).exists()]
    if lacking:
        raise DataError(f"{name}: {root} has no {', '.join(lacking)}. {remedy}")


def read_lines(path: Path, name: str) -> list[tuple[int, str]]:
    """Numbered, stripped, non-empty lines of a UTF-8 text file, a byte order mark removed.

    Raises:
        DataError: the file is missing or not UTF-8 (with the line).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name}: list file {path} does not exist.") from None
    except OSError as e:
        raise DataError(f"{name}: list file {path} cannot be read: {e.strerror or e}.") from e
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        where = f"{path}, line {data[: e.start].count(10) + 1}"
        raise DataError(f"{where}: not UTF-8 (byte {data[e.start]:#04x}): save the list as UTF-8.") from None
    lines = re.split("\r\n|\n|\r", text)  # not splitlines, which also cuts at characters that names may hold
    return [(n, line.strip()) for n, line in enumerate(lines, 1) if line.strip()]
