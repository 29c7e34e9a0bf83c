"""Files below a folder, and files that match a pattern; links that lead in circles are walked once.

Python's ``rglob`` leaves linked folders out, and ``glob`` follows a link to a
folder above it until the system's limit, a thousand times over.
"""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataError

logger = logging.getLogger("paddleseg_lite")

_MOST = 2_000_000  # entries looked at: more is no data set but a whole disk


class _Walk:
    """Folders seen in one search, and how many entries there were."""

    def __init__(self):
        self.seen: set = set()
        self.entries = 0

    def enter(self, folder: Path, rest: Sequence[str] = ()) -> list[os.DirEntry]:
        """The entries of a folder in order, real ones before links; nothing the second time."""
        try:
            found = os.stat(folder)
            key = found.st_dev, found.st_ino, tuple(rest)
            if key in self.seen:
                return []
            self.seen.add(key)
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda e: (e.is_symlink(), e.name))
        except (OSError, ValueError) as e:
            logger.warning("folder %s is left out: %s", folder, getattr(e, "strerror", None) or e)
            return []
        self.entries += len(listed)
        if self.entries > _MOST:
            raise DataError(f"more than {_MOST} files and folders below {folder}: name a folder that holds less.")
        return listed

    def folders(self, top: Path, rest: Sequence[str] = (), *, hidden: bool = True):
        """``(folder, its entries)`` for ``top`` and all folders below it, linked ones last."""
        waiting, linked = [top], []
        while waiting or linked:  # no recursion: folders may lie deeper than Python's stack
            here = waiting.pop() if waiting else linked.pop()
            inside = self.enter(here, rest)
            yield here, inside
            for entry in reversed(inside):
                if _is_folder(entry) and (hidden or not entry.name.startswith(".")):
                    (linked if entry.is_symlink() else waiting).append(here / entry.name)


def files_below(folder: Path) -> list[Path]:
    """Everything below a folder that is no folder, sorted."""
    walk = _Walk()
    return sorted(here / e.name for here, inside in walk.folders(folder) for e in inside if not _is_folder(e))


def matches(pattern: str) -> tuple[Path, list[Path]]:
    """The part of a pattern before its first wildcard, and the sorted files that match."""
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), None)
    if fixed is None or "\0" in pattern:
        return Path(), []
    root = Path(*parts[:fixed])
    rest = [part for i, part in enumerate(parts[fixed:], fixed) if part != "**" or parts[i - 1] != "**"]
    return root, sorted(set(_matching(root, rest, _Walk())))


def _matching(folder: Path, rest: Sequence[str], walk: _Walk) -> Iterator[Path]:
    head, tail = rest[0], rest[1:]
    if head == "**":
        for here, _ in walk.folders(folder, rest, hidden=False):
            yield from _matching(here, tail or ["*"], walk)
    elif not glob.has_magic(head):
        path = folder / head
        if tail and path.is_dir():
            yield from _matching(path, tail, walk)
        elif not tail and os.path.lexists(path) and not path.is_dir():
            yield path
    else:
        for entry in walk.enter(folder, rest):
            if not fnmatch.fnmatch(entry.name, head) or (entry.name.startswith(".") and not head.startswith(".")):
                continue
            if tail and _is_folder(entry):
                yield from _matching(folder / entry.name, tail, walk)
            elif not tail and not _is_folder(entry):
                yield folder / entry.name


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False
