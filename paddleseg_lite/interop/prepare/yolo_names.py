"""What YOLO's ``data.yaml`` and files like it say: class names, and which pictures are for training."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ...config.reading import parse_yaml
from ...errors import DataError
from .documents import Reader
from .names import is_background, tidy
from .pictures import walk
from .values import shortened, whole

NAME_FILES = ("classes.txt", "obj.names", "names.txt", "labels.txt", "_darknet.labels")
FOLDERS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass
class Description:
    """Class names and parts of a dataset.

    Attributes:
        table: YOLO's class -> name.
        parts: ``train``, ``val``, ``test`` -> real paths of the pictures and folders of pictures they are.
        notes: what the user should know.
    """

    table: dict[int, str]
    parts: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names in the order of their classes, each once."""
        return list(dict.fromkeys(name for _, name in sorted(self.table.items())))

    def class_of(self, category: int, names: list[str]) -> int | None:
        """Our class id of YOLO's class; None where it has no name, or one that is not kept."""
        name = self.table.get(category)
        if name is None:
            return None
        return 0 if is_background(name) else names.index(name) if name in names else None

    def part_of(self, image: Path, relative: PurePosixPath) -> str | None:
        """The part a picture belongs to: as ``data.yaml`` says, else by its folders' names."""
        real = Path(os.path.realpath(image))
        places = {str(real), *map(str, real.parents)}
        told = next((part for part, listed in self.parts.items() if listed & places), None)
        return told or next((FOLDERS[p.lower()] for p in relative.parts[:-1] if p.lower() in FOLDERS), None)


def describe(folder: Path, reader: Reader, *, last: int) -> Description:
    """Read ``data.yaml``, else a file of names; without either classes are called by their numbers.

    Args:
        last: the highest class in the labels.

    Raises:
        DataError: ``data.yaml`` cannot be read, or its names are none.
    """
    for path in sorted(walk(folder, (".yaml", ".yml")), key=lambda p: (len(p.parts), p.name != "data.yaml", p)):
        content = parse_yaml(reader.text(path), str(path))
        if isinstance(content, dict) and "names" in content:
            return from_yaml(content, path, folder, reader)
    for path in sorted(walk(folder, (".txt", ".names", ".labels")), key=lambda p: len(p.parts)):
        if path.name in NAME_FILES:
            names = [tidy(line) for line in reader.text(path).splitlines() if tidy(line)]
            return Description(dict(enumerate(names)), notes=[f"class names from {path}"])
    notes = [f"{folder} has no data.yaml and no classes.txt: classes are named by their numbers"]
    return Description({i: f"class_{i}" for i in range(min(last, 254) + 1)}, notes=notes)


def from_yaml(content: dict, path: Path, folder: Path, reader: Reader) -> Description:
    """``names`` as a list or a table, and ``path``, ``train``, ``val``, ``test``."""
    names = content["names"]
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    table = {whole(k): tidy(v) for k, v in listed.items()} if isinstance(listed, dict) else {}
    if not table or None in table or not all(table.values()):
        raise DataError(f"{path}: names is a list, or a table of number: name, but holds {str(names)[:80]}.")
    described = Description(table)
    twice = sorted({name for name in table.values() if list(table.values()).count(name) > 1})
    if twice:
        described.notes.append(f"{path} names several classes {shortened(twice)}: they are one class")
    count = whole(content.get("nc"))
    if count is not None and count != len(table):
        described.notes.append(f"{path} has nc: {count}, but {len(table)} names: the names count")
    for part in ("train", "val", "test"):
        stated = content.get(part)
        places = stated if isinstance(stated, list) else [stated]
        described.parts[part] = {p for place in places for p in pictures_at(place, content, path, folder, reader)}
    return described


def pictures_at(place: Any, content: dict, path: Path, folder: Path, reader: Reader) -> set[str]:
    """A folder as stated in ``data.yaml``, or the pictures of a list; empty where it is not there (it often is not)."""
    if not isinstance(place, str) or "\0" in place:
        return set()
    base = content.get("path")
    base = base if isinstance(base, str) and "\0" not in base else "."
    for root in (path.parent / base, path.parent, folder):
        found = os.path.realpath(root / place.replace("\\", "/"))
        if os.path.isdir(found):
            above = os.path.realpath(folder)
            return set() if (above + os.sep).startswith(found.rstrip(os.sep) + os.sep) else {found}
        if os.path.isfile(found):
            lines = [line.strip().replace("\\", "/") for line in reader.text(Path(found)).splitlines() if line.strip()]
            starts = (os.path.dirname(found), str(root))
            return {os.path.realpath(os.path.join(s, line)) for s in starts for line in lines if "\0" not in line}
    return set()
