"""A folder with ``train.txt`` and ``val.txt`` as PaddleSeg writes them: their parts stay what they are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ....data.datasets.list_lines import split_line
from ....errors import DataError
from ..documents import Reader
from ..job import Item, Job
from ..pictures import is_file
from .base import Layout
from .label_kinds import look_at
from .pairs import read_class_names

LISTS = {
    "train": ("train.txt", "train_list.txt"),
    "val": ("val.txt", "val_list.txt"),
    "test": ("test.txt", "test_list.txt"),
}


def lists(folder: Path, reader: Reader) -> Layout | None:
    """Lists of ``image label`` whose files exist."""
    paths = {part: next((folder / n for n in names if is_file(folder / n)), None) for part, names in LISTS.items()}
    if paths["train"] is None:
        return None
    found, exists = [], lambda name: is_file(folder / name)
    for part, path in paths.items():
        for number, line in enumerate(reader.text(path).splitlines() if path else [], 1):
            if not line.strip():
                continue
            try:
                where = f"{path}, line {number}"
                image, label = split_line(line.strip(), where, None, label_needed=part != "test", exists=exists)
            except DataError:
                return None  # names alone, as VOC lists them, or another tool's
            if label is not None:
                found.append((part, (folder / image).absolute(), (folder / label).absolute()))
    if not found or not all(is_file(path) for _, *pair in found[:50] for path in pair):
        return None
    job = Job([], read_class_names(folder, reader))
    labels = look_at([label for *_, label in found], folder, reader, named=len(job.class_names))
    job.class_names, job.palette = labels.names or job.class_names, labels.palette
    job.notes += labels.notes
    for number, (part, image, label) in enumerate(found):
        target = Path("annotations", f"{number:06d}_{label.stem}.png") if labels.convert else None
        make = labels.convert or labels.read
        pair = (image, target or label)
        job.items.append(Item(partial(make, label), target, image, sources=(label,), part=part, pair=pair))
    return Layout("lists of pictures and labels", shown(paths), job)


def shown(paths: dict[str, Path | None]) -> str:
    """The names of the lists."""
    return ", ".join(path.name for path in paths.values() if path is not None)
