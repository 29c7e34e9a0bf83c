"""Class names: from a file, from a flag, and out of annotation files where people typed them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from ...errors import DataError
from .documents import Reader
from .pictures import is_file

IGNORE = 255
BACKGROUND_WORDS = ("background", "_background_", "__background__")  # labelme's and others' own words


def read_names(given: str | None, *, flag: str = "--classes") -> list[str] | None:
    """Class names: a text file with one a line, or names with commas between.

    Raises:
        DataError: a name twice, or none.
    """
    if given is None:
        return None
    path = Path(given)
    if not is_file(path) and re.search(r"[/\\]|\.(txt|names|csv)$", given):
        raise DataError(f"{flag} {given}: there is no such file of class names.")
    found = Reader().text(path).splitlines() if is_file(path) else given.split(",")
    names = [tidy(n) for n in found if tidy(n)]
    twice = sorted({n for n in names if names.count(n) > 1})
    if not names or twice:
        raise DataError(f"{flag} {given}: {'names twice: ' + ', '.join(twice) if twice else 'no names found'}.")
    return names


def tidy(name: object) -> str:
    """A name as ``labels.txt`` can hold it: one line, single spaces, no half characters; empty for what is no name."""
    if isinstance(name, (bool, float)) or not isinstance(name, (str, int)):
        return ""
    text = str(name).encode("utf-8", "replace").decode("utf-8")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())


def is_background(name: str) -> bool:
    """Whether a class of that name is what class 0 means."""
    return name.lower() in BACKGROUND_WORDS


def with_background(names: list[str], where: str) -> list[str]:
    """Class 0 is the background; the given classes follow, without a background of their own.

    Raises:
        DataError: more than 8-bit labels hold.
    """
    full = ["background", *(n for n in names if not is_background(n))]
    if len(full) > IGNORE:
        raise DataError(f"{where}: {len(full)} classes do not fit into 8-bit labels; choose some with --classes.")
    return full


def similar_names(written: Counter) -> list[str]:
    """Notes about names that differ by spaces or by case only: mostly one class, typed in two ways.

    Args:
        written: names as they stand in the files -> how often.
    """
    notes = []
    spaced, cased = defaultdict(list), defaultdict(list)
    for name in sorted(written):
        spaced[tidy(name)].append(name)
    for tidied, names in spaced.items():
        if len(names) > 1:
            shown = ", ".join(f"{n!r} ({written[n]})" for n in names)
            notes.append(f"names that differ by spaces only are one class, '{tidied}': {shown}")
        cased[tidied.replace(" ", "").replace("_", "").replace("-", "").casefold()].append(tidied)
    for names in cased.values():
        if len(names) > 1:
            shown = ", ".join(f"'{n}' ({sum(written[w] for w in spaced[n])})" for n in names)
            notes.append(
                f"names that differ by case or spaces only are several classes: {shown}. Rename them if one is meant"
            )
    return notes
