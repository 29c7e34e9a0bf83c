"""What ``--image_path`` names: images and videos, and the names their results go under."""

from __future__ import annotations

import glob
import logging
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .earlier import Earlier

logger = logging.getLogger("paddleseg_lite")

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
VIDEO_ENDINGS = {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"}
LIST_ENDINGS = {".txt", ".lst"}


@dataclass(frozen=True)
class Source:
    """An image or video, and the name its results go under (sub-folders kept)."""

    path: Path
    name: Path

    @property
    def is_video(self) -> bool:
        """By its ending."""
        return self.path.suffix.lower() in VIDEO_ENDINGS


def find_sources(pattern: str) -> list[Source]:
    """Expand an image, a video, a folder (with sub-folders), a glob or a ``.txt`` list.

    Of a folder or a glob, results of earlier runs are left out (:mod:`.earlier`).

    Raises:
        DataError: nothing is there, or no image among it.
    """
    path, left_out = Path(pattern), 0
    if path.is_dir():
        endings, earlier = IMAGE_ENDINGS | VIDEO_ENDINGS, Earlier(path)
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in endings and p.is_file())
        found, left_out = [p for p in found if not earlier(p)], earlier.count
        sources = [Source(p, p.relative_to(path).with_suffix("")) for p in found]
    elif path.suffix.lower() in LIST_ENDINGS and path.is_file():
        sources = read_list(path)
    elif path.is_file():
        sources = [Source(path, Path(path.stem))]
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
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    root = Path(*parts[:fixed])
    earlier = Earlier(root)
    found = [p for p in map(Path, sorted(glob.glob(pattern, recursive=True))) if p.is_file() and not earlier(p)]
    return [Source(p, p.relative_to(root).with_suffix("")) for p in found], earlier.count


def read_list(path: Path) -> list[Source]:
    """The first column of a list; paths are relative to it, and results keep their sub-folders."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"the list {path} cannot be read as UTF-8 text: {e}.") from None
    sources = []
    for line in lines:
        entry = Path(line.split("\t")[0].split(",")[0].strip())
        first = Path(line.split()[0])
        if not (path.parent / entry).is_file() and (path.parent / first).is_file():
            entry = first  # PaddleSeg's lists: image and label with a space between
        name = Path(entry.name) if entry.is_absolute() or ".." in entry.parts else entry
        sources.append(Source(path.parent / entry, name.with_suffix("")))
    return sources


def unique_names(sources: list[Source]) -> list[Source]:
    """Keep results apart where two files share a name (``a.jpg`` and ``a.png``), on any file system."""
    taken: set[str] = set()
    result = []
    for source in sources:
        name, count = source.name, 1
        while str(name).lower() in taken:
            count += 1
            name = source.name.with_name(f"{source.name.name}_{count}")
        taken.add(str(name).lower())
        result.append(Source(source.path, name))
    return result
