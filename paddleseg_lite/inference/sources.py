"""What ``--image_path`` names: images and videos, and the names their results go under."""

from __future__ import annotations

import logging
import os
import re
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ..data.datasets.list_lines import split_line
from ..errors import DataError
from .earlier import Earlier
from .globbing import files_below, matches

logger = logging.getLogger("paddleseg_lite")

IMAGE_ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".npy"),
}
VIDEO_ENDINGS = {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"}
LIST_ENDINGS = {".txt", ".lst"}


@dataclass(frozen=True)
class Source:
    """An image or video, and the name its results go under (sub-folders kept).

    Attributes:
        problem: why it cannot be read, where that is known before; empty otherwise.
    """

    path: Path
    name: Path
    problem: str = ""

    @property
    def is_video(self) -> bool:
        """By its ending."""
        return self.path.suffix.lower() in VIDEO_ENDINGS


def find_sources(pattern: str) -> list[Source]:
    """Expand an image, a video, a folder (with sub-folders), a glob or a ``.txt`` list.

    Of a folder or a glob, results of earlier runs are left out (:mod:`.earlier`).

    Raises:
        DataError: nothing is there, no image is among it, or it is a pipe or device, which may never end.
    """
    path, left_out = Path(pattern), 0
    if os.path.isdir(pattern):
        endings, earlier = IMAGE_ENDINGS | VIDEO_ENDINGS, Earlier(path)
        found = [p for p in files_below(path) if p.suffix.lower() in endings and not earlier(p)]
        sources, left_out = [_source(p, p.relative_to(path)) for p in found], earlier.count
    elif path.suffix.lower() in LIST_ENDINGS and os.path.isfile(pattern):
        sources = read_list(path)
    elif os.path.lexists(pattern) if "\0" not in pattern else False:
        sources = [_source(path, Path(path.name))]
        if sources[0].problem:
            raise DataError(f"--image_path {sources[0].problem}")
    else:
        sources, left_out = expand_glob(pattern)
    told = f"{left_out} results of earlier runs are left out" if left_out else ""
    if not sources:
        raise DataError(
            f"--image_path {pattern}: no image found{f' ({told})' if told else ''}. Give an image, a video, a folder, "
            "a glob in quotes, or a .txt list."
        )
    if told:
        logger.info("--image_path %s: %s; name their folder itself to have them", pattern, told)
    return unique_names(sources)


def expand_glob(pattern: str) -> tuple[list[Source], int]:
    """Files that match, sub-folders kept from the first wildcard on; and how many earlier results are left out."""
    root, found = matches(pattern)
    earlier = Earlier(root)
    return [_source(p, p.relative_to(root)) for p in found if not earlier(p)], earlier.count


def read_list(path: Path) -> list[Source]:
    """The first column of a list; paths are relative to it, and results keep their sub-folders.

    A line that names no file is a source with a ``problem``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"the list {path} cannot be read as UTF-8 text: {e}.") from None
    sources = []
    for number, line in enumerate(re.split("\r\n|\n|\r", text), 1):
        if line.strip():
            sources.append(_listed(path, line.strip(), f"{path}, line {number}"))
    return sources


def unique_names(sources: list[Source]) -> list[Source]:
    """Keep results apart, on any file system, and each under its own picture's name.

    Where two pictures share a name (``a.jpg`` and ``a.png``) both keep their endings in it; a name that a picture
    has for itself (``a_2``) is never given to another one. A file named twice is one source.
    """
    sources = list({os.path.normpath(s.path): s for s in reversed(sources)}.values())[::-1]
    wanted = Counter(_key(s.name) for s in sources)
    taken = {key for key, count in wanted.items() if count == 1}
    folders = {_key(parent) for s in sources for parent in s.name.parents}
    result = []
    for source in sources:
        name = source.name
        if wanted[_key(name)] > 1 or _written(source, name) & folders:
            whole = name = source.name.with_name(source.path.name)
            count = 1
            while _key(name) in taken or _written(source, name) & folders:
                count += 1
                name = whole.with_name(f"{whole.name}_{count}")
            taken.add(_key(name))
        result.append(replace(source, name=name))
    return result


def _source(path: Path, name: Path) -> Source:
    return Source(path, name.with_suffix(""), _not_a_file(path))


def _not_a_file(path: Path) -> str:
    """Why a path cannot be a file to open; empty for files, and for what is not there, which reading tells."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as e:  # ValueError: a NUL in the name
        return f"{path} cannot be read: {getattr(e, 'strerror', None) or e}."
    return "" if stat.S_ISREG(mode) else f"{path} is a folder, pipe or device, and no file."


def _listed(path: Path, line: str, where: str) -> Source:
    """The source that a line of a list names."""
    try:
        first, _ = split_line(
            line, where, None, label_needed=False, exists=lambda name: os.path.isfile(path.parent / name)
        )
    except DataError as e:
        return Source(Path(where), Path(where), str(e))
    entry = Path(first)
    name = Path(entry.name) if entry.is_absolute() or ".." in entry.parts else entry
    if not entry.name or entry.name == "..":
        return Source(Path(where), Path(where), f"{where}: {first!r} is no file.")
    source = _source(path.parent / entry, name)
    return replace(source, problem=f"{where}: {source.problem}") if source.problem else source


def _key(name: Path) -> str:
    """What names have in common that some file system takes for the same."""
    return unicodedata.normalize("NFC", str(name)).casefold()


def _written(source: Source, name: Path) -> set[str]:
    """The files that results are written to, to be held against folders of the same name."""
    return {_key(Path(f"{name}.mp4" if source.is_video else f"{name}.png"))}
