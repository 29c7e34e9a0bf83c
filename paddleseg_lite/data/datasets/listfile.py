"""Your own data: PaddleSeg's list files, one ``image label`` pair a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from ...registry import DATASETS
from .base import expand
from .files import FileDataset, need_folder, read_lines
from .list_lines import split_line


class ListDataset(FileDataset):
    """Pairs of files named in a list.

    A line is ``image<separator>label``, paths relative to ``dataset_root``; in test mode the label may be left
    out, or be missing. The separator is a tab where the line has one, else a comma, else spaces, unless it is
    given; where names hold such characters too, the line is cut so that its files exist.

    Args:
        dataset_root: folder the paths start from (``~`` is your home).
        train_path, val_path, test_path: the list of each mode, as given or below ``dataset_root``.
        num_classes: K; not needed by datasets that fix their classes.
        separator: what stands between the two paths.
        class_names: K names, or a text file with one a line; ``labels.txt`` in
            ``dataset_root`` is taken where it has K lines.
        every: training keeps each ``every``-th line of its list, the first one included: 8 is an eighth of the
            pictures, spread over the list. Other modes keep all.
        **kwargs: as :class:`~.base.SegDataset`.

    Raises:
        DataError: the list is missing or empty, a line is malformed, files are missing.
        ConfigError: ``every`` below 1, or no list for the mode.
    """

    def __init__(
        self,
        *,
        dataset_root: str,
        mode: str = "train",
        num_classes: int | None = None,
        train_path: str | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        separator: str | None = None,
        class_names: Sequence[str] | str | None = None,
        every: int = 1,
        **kwargs: Any,
    ) -> None:
        if every < 1:
            raise ConfigError(f"{type(self).__name__}: every must be at least 1, got {every}.")
        root = expand(dataset_root)
        if self.fixed_names is None or class_names is not None:
            class_names = find_names(root, class_names, num_classes)
        super().__init__(num_classes=num_classes, mode=mode, class_names=class_names, **kwargs)
        listed = {"train": train_path, "val": val_path, "test": test_path}[mode]
        if listed is None:
            raise ConfigError(f"{type(self).__name__} in {mode} mode needs the argument {mode}_path (a list file).")
        need_folder(root, (), type(self).__name__, "Set dataset_root to the folder that the list's paths start from.")
        path = find_list(root, listed, type(self).__name__)
        exists = lambda name: os.path.isfile(root / name)  # noqa: E731
        pairs = [
            split_line(line, f"{path}, line {number}", separator, label_needed=mode != "test", exists=exists)
            for number, line in read_lines(path, type(self).__name__)
        ]
        kept = pairs[::every] if mode == "train" else pairs
        items = ((root / image, None if label is None else root / label) for image, label in kept)
        self.set_items(items, str(path), labels_in_test=True)


@DATASETS.register(
    small={
        "dataset_root": {
            "images/0.png": None,
            "labels/0.png": [0, 1, 2, 255],
            "train.txt": "images/0.png labels/0.png\n",
        },
        "num_classes": 3,
        "train_path": "train.txt",
    }
)
class Dataset(ListDataset):
    """Your own data: as :class:`ListDataset`, and ``num_classes`` must be given."""

    def __init__(self, *, dataset_root: str, num_classes: int, mode: str = "train", **kwargs: Any) -> None:
        super().__init__(dataset_root=dataset_root, num_classes=num_classes, mode=mode, **kwargs)


def find_list(root: Path, listed: str, name: str) -> Path:
    """The list file: as given, or below ``dataset_root``."""
    candidates = [expand(listed), root / listed]
    for path in candidates:
        if path.is_file():
            return path
    raise DataError(
        f"{name}: list file {listed} does not exist: looked for {' and '.join(str(p) for p in candidates)}. "
        "It holds one 'image label' pair a line."
    )


def find_names(root: Path, names: Sequence[str] | str | None, num_classes: int | None) -> Sequence[str] | None:
    """Class names: as given, from a text file, or from ``labels.txt`` where it fits."""
    if names is None:
        default = root / "labels.txt"
        if not default.is_file():
            return None
        found = [line for _, line in read_lines(default, "labels.txt")]
        return found if len(found) == num_classes else None
    if isinstance(names, str):
        path = next((p for p in (expand(names), root / names) if p.is_file()), None)
        if path is None:
            raise DataError(f"class_names: file {names} does not exist: give names, or a file with one a line.")
        return [line for _, line in read_lines(path, "class_names")]
    return names
