"""What label pictures hold: ids, grey levels, colours; and how to make ids of them.

Looked at on a sample. Ids stay as they are. Grey levels far apart (0, 128, 255) and
colours become ids in their order; the table of a dataset (``class_dict.csv``,
``label_colors.txt``) names colours where it is there.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ....data import read_image, read_label
from ....errors import DataError
from ..colours import to_ids
from ..documents import Reader
from ..names import IGNORE, tidy
from ..pictures import is_file, walk
from ..tally import Tally

SAMPLE = 24  # labels looked at
MOST = 40  # colours of a label that has classes; more are a photo or smoothed borders
Maker = Callable[[Path, Tally], np.ndarray]


@dataclass
class Labels:
    """How to read the labels of a folder.

    Attributes:
        convert: makes ids of a label that does not hold them; None where it does.
        names, palette: of the classes, where the labels or a table tell them.
        notes: what the user should know.
    """

    convert: Maker | None = None
    names: list[str] = field(default_factory=list)
    palette: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    @staticmethod
    def read(path: Path, tally: Tally) -> np.ndarray:
        """Ids of a label that holds them.

        Raises:
            DataError: more than 8 bits.
        """
        label = read_label(path)
        if label.dtype != np.uint8:
            if label.min() < 0 or label.max() > IGNORE:
                raise DataError(f"label {path} holds ids up to {int(label.max())}; 8-bit labels are read here.")
            label = label.astype(np.uint8)
        return label


def look_at(paths: Sequence[Path], folder: Path, reader: Reader, *, named: int = 0) -> Labels:
    """What a folder's labels are, by a sample of them.

    Args:
        paths: the labels.
        folder: where a table of colours may be.
        named: classes that have a name already; ids below this number are ids.

    Raises:
        DataError: none of the sample can be read, or they hold too many colours.
    """
    some = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, SAMPLE).round().astype(int))]
    found: list[np.ndarray] = []
    trouble = []
    for path in some:
        try:
            found.append(read_image(path))
        except DataError as e:
            trouble.append(str(e))
    if not found:
        raise DataError(f"none of {len(some)} labels that were tried can be read: {trouble[0]}")
    if any((picture[..., :1] != picture).any() for picture in found) and not all(map(holds_ids, some)):
        return coloured(found, folder, reader)
    grey = levels(some, found, named)
    if grey is None:
        return Labels()
    table = np.full(256, IGNORE, np.uint8)
    table[grey] = np.arange(len(grey))
    names = [f"grey_{level}" for level in grey]
    names = ["background", "object"] if len(grey) == 2 and grey[0] == 0 else names
    return Labels(
        convert=lambda path, tally: by_table(path, table, grey),
        names=names,
        notes=[f"labels are grey pictures of the levels {', '.join(map(str, grey))}: they became ids in this order"],
    )


def holds_ids(path: Path) -> bool:
    """Whether a label is read as ids (a palette picture shows colours and holds ids)."""
    try:
        read_label(path)
    except DataError:
        return False
    return True


def levels(paths: Sequence[Path], pictures: Sequence[np.ndarray], named: int) -> list[int] | None:
    """Grey levels that stand for classes, or None where the labels hold ids.

    Ids are small and close together; of 0 and 255 alone, or of few levels far apart, no dataset's ids are made.
    """
    seen: set[int] = set()
    rgb = False
    for path, picture in zip(paths, pictures):
        if holds_ids(path):
            seen |= set(np.unique(read_label(path)).tolist())
        else:  # three equal channels, or JPEG
            rgb = True
            seen |= set(np.unique(picture[..., 0]).tolist())
    inner = sorted(seen - {IGNORE})
    if len(seen) > MOST and rgb:
        raise DataError(
            f"label {paths[0]} and others hold {len(seen)} grey levels: smoothed by JPEG or by resizing. Save the "
            "labels again as PNG with one value for each class."
        )
    if inner and inner[-1] < named and len(seen) > 1 and not rgb and seen != {0, IGNORE}:
        return None
    if seen == {0, IGNORE} or (inner and inner[-1] > 4 * len(inner) + 20 and len(seen) <= 16):
        return sorted(seen)
    return sorted(seen) if rgb else None


def by_table(path: Path, table: np.ndarray, expected: Sequence[int]) -> np.ndarray:
    """Ids of a grey label.

    Raises:
        DataError: a level that the sample did not show.
    """
    grey = read_image(path)[..., 0]
    strange = sorted(set(np.unique(grey).tolist()) - set(expected))
    if strange:
        raise DataError(f"label {path} holds grey levels {strange[:8]} besides {list(expected)}.")
    return table[grey]


def coloured(pictures: Sequence[np.ndarray], folder: Path, reader: Reader) -> Labels:
    """Labels in colours: by the folder's table, else each colour of the sample is a class."""
    table, source = find_table(folder, reader)
    note = f"colours become ids by {source}"
    if not table:
        codes: set[int] = set()
        for picture in pictures:
            wide = picture.astype(np.int64)
            codes |= set(np.unique((wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]).tolist())
        if len(codes) > MOST:
            raise DataError(
                f"the labels in {folder} are pictures of {len(codes)} colours, and no class_dict.csv says which are "
                "classes. Write a line 'name R G B' for each class and use 'prepare rgb2id --colors'."
            )
        table = {f"rgb_{c >> 16}_{(c >> 8) & 255}_{c & 255}": c for c in sorted(codes)}
        table = {"background" if code == 0 else name: code for name, code in table.items()}
        note = f"{len(table)} colours occur in the labels; each is a class, named by its red, green and blue"
    names = [name for name in table if name.lower() not in ("void", "ignore", "unlabeled_ignore")]
    if len(names) > IGNORE:
        raise DataError(f"{source}: {len(names)} classes do not fit into 8-bit labels.")
    codes_to_ids = {code: names.index(name) if name in names else IGNORE for name, code in table.items()}
    palette = np.array([[(table[n] >> 16), (table[n] >> 8) & 255, table[n] & 255] for n in names], np.uint8)
    return Labels(lambda path, tally: to_ids(path, codes_to_ids, "error"), names, palette, [note])


def find_table(folder: Path, reader: Reader) -> tuple[dict[str, int], str]:
    """Name -> colour (R << 16 | G << 8 | B) from ``class_dict.csv`` or ``label_colors.txt`` and the like."""
    for path in [p for p in walk(folder, (".csv", ".txt")) if re.search(r"class_?dict|colou?r", p.name, re.IGNORECASE)]:
        if not is_file(path):
            continue
        try:
            rows = list(csv.reader(reader.text(path).splitlines())) if path.suffix.lower() == ".csv" else []
        except csv.Error:
            continue
        rows = rows or [line.split() for line in reader.text(path).splitlines()]
        table = {}
        for row in rows:
            numbers = [int(c) for c in row if re.fullmatch(r"\s*[0-9]{1,3}\s*", c)]
            words = tidy(" ".join(c for c in row if not re.fullmatch(r"\s*[0-9]{1,3}\s*", c)))
            if len(numbers) == 3 and words and max(numbers) < 256:
                table[words] = (numbers[0] << 16) | (numbers[1] << 8) | numbers[2]
        if table and len(set(table.values())) == len(table):
            return table, path.name
    return {}, ""
