"""Finding the pictures that annotation files name, and giving each of them a name of its own in the output."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from ...data import image_size
from ...errors import DataError
from .values import shortened, whole

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".npy")
OURS = (  # files that tell a folder of a run, of predictions, of a report
    {"config.yml", "metrics.jsonl"}, {"run.lock"}, {"legend.png", "legend.txt"}, {"scores.json", "per_image.csv"},
)  # fmt: skip
LONGEST = 180  # bytes of a name without its ending; file systems take 255


def walk(folder: Path, suffixes: Sequence[str], *, broken: bool = False) -> list[Path]:
    """Files below a folder with one of the endings (in any case), sorted; links to folders are followed once.

    Runs, predictions and reports of earlier commands below it are left out (``--data .`` puts them there).

    Args:
        broken: also what is no regular file (a link that leads nowhere, a pipe): for files that must not be missed.
    """
    found, seen = [], set()
    for root, folders, files in os.walk(folder, followlinks=True):
        try:
            stat = os.stat(root)
        except OSError:
            folders.clear()
            continue
        if (stat.st_dev, stat.st_ino) in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        if root != os.fspath(folder) and any(own <= set(files) for own in OURS):
            folders.clear()
            continue
        found += [Path(root, name) for name in files if name.lower().endswith(tuple(suffixes))]
    return sorted(path for path in found if broken or is_file(path))


def is_file(path: Path) -> bool:
    """Whether a regular file is there; any text can be asked for."""
    try:
        return os.path.isfile(path)
    except ValueError:  # a zero byte
        return False


def relative_path(text: object) -> PurePosixPath | None:
    """A path as an annotation file states it, as one that stays inside a folder; None for what is no path.

    Backslashes divide folders; an address loses its host and query; an absolute path, one with
    a drive and one that climbs with ``..`` become the bare name.
    """
    if not isinstance(text, str):
        return None
    text = text.replace("\\", "/").strip()
    address = re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://[^/]*", text)
    text = re.split(r"[?#]", text[address.end() :].lstrip("/"))[0] if address else text
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or parts[-1] == "..":
        return None
    if text.startswith("/") or ".." in parts or re.match(r"^[A-Za-z]:", parts[0]):
        parts = [re.sub(r"^[A-Za-z]:", "", parts[-1])]
    return PurePosixPath(*parts) if all(parts) else None


class PictureFinder:
    """The pictures below a folder, found by what annotation files call them.

    Args:
        folder: where to look.
        suffixes: endings of pictures.
    """

    def __init__(self, folder: Path, suffixes: Sequence[str] = IMAGES):
        self.folder = folder
        self.by_path: dict[str, Path] = {}
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        self.by_lower: dict[str, list[Path]] = defaultdict(list)
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        self.claims: dict[Path, set[str]] = defaultdict(set)
        for path in walk(folder, suffixes):
            relative = path.relative_to(folder)
            self.by_path[relative.as_posix()] = path
            self.by_name[path.name].append(path)
            self.by_lower[loosely(path.name)].append(path)
            self.by_stem[relative.with_suffix("").as_posix()].append(path)

    def find(self, stated: object) -> Path:
        """The picture that a file calls so: at that path, else the one with that bare name.

        Raises:
            DataError: there is none, or several have the name.
        """
        relative = relative_path(stated)
        if relative is None:
            raise DataError(f"{str(stated)[:80]!r} is no name of a picture.")
        names = list(dict.fromkeys((relative.as_posix(), unquote(relative.as_posix()).lstrip("/"), str(stated))))
        exact = next((name for name in names if name in self.by_path), None)
        if exact is not None:
            self.claims[self.by_path[exact]].add(exact if self.is_all_of(stated, exact) else str(stated))
            return self.by_path[exact]
        for name in names:
            bare = name.rpartition("/")[2]
            found = self.by_name.get(bare) or self.by_lower.get(loosely(bare)) or []
            if len(found) > 1:
                found = longest_tail(name, found)
            if len(found) > 1:
                raise DataError(
                    f"picture {bare} is there {len(found)} times, e.g. {found[0]} and {found[1]}: the annotations do "
                    "not tell which one is meant. Give the pictures different names."
                )
            if found:
                self.claims[found[0]].add(str(stated))
                return found[0]
        raise DataError(f"picture {str(stated)[:200]} is not in {self.folder}.")

    def is_all_of(self, stated: object, name: str) -> bool:
        """Whether a name below the folder is what was stated, and no folders of it had to be left out."""
        text = str(stated).replace("\\", "/")
        below = [part for part in text.split("/") if part != "."]
        return "/".join(below).strip() in (name, unquote(name)) or Path(text) == self.by_path[name].absolute()

    def disputed(self) -> dict[Path, str]:
        """Pictures that were found for different names, so that nobody knows whose they are, and what to say."""
        return {
            path: f"{shortened(sorted(names))} all lead to {path}, for want of pictures at these paths: put them there."
            for path, names in self.claims.items()
            if len(names) > 1
        }

    def named(self, stem: str) -> list[Path]:
        """Pictures whose path without the ending is this."""
        return self.by_stem.get(stem, [])

    def with_bare_stem(self, stem: str) -> list[Path]:
        """Pictures in any folder whose name without the ending is this."""
        return [path for paths in self.by_name.values() for path in paths if path.stem == stem]

    def relative(self, path: Path) -> PurePosixPath:
        """A found picture's path below the folder."""
        return PurePosixPath(path.relative_to(self.folder).as_posix())


def loosely(name: str) -> str:
    """A name for comparing without regard to case, and to how accents are stored."""
    return unicodedata.normalize("NFC", name).casefold()


def longest_tail(name: str, found: Sequence[Path]) -> list[Path]:
    """Of paths with one bare name those that agree with ``name`` in most folders, from the end."""
    wanted = name.split("/")[::-1]

    def agreeing(path: Path) -> int:
        parts = path.as_posix().split("/")[::-1]
        return next((i for i, (a, b) in enumerate(zip(wanted, parts)) if a != b), min(len(wanted), len(parts)))

    most = max(agreeing(path) for path in found)
    return [path for path in found if agreeing(path) == most]


class Targets:
    """Names for labels below the output folder: never one name for two pictures."""

    def __init__(self):
        self.taken: set[str] = set()
        self.renamed: list[str] = []

    def take(self, path: PurePosixPath) -> str:
        """The name without ending for a picture, ``sub/a`` for ``sub/a.png``: ``sub/a_png`` where that is taken.

        Names that differ in case only count as one: on many file systems they are.
        """
        stem, ending = path.with_suffix(""), path.suffix.lstrip(".").lower()
        wanted = PurePosixPath(*(clean(part) for part in stem.parts))
        candidates = [wanted, wanted.with_name(clean(f"{wanted.name}_{ending}"))]
        chosen = next((c for c in candidates if str(c).casefold() not in self.taken), None)
        number = 1
        while chosen is None:
            number += 1
            other = wanted.with_name(f"{clean(wanted.name)}_{number}")
            chosen = None if str(other).casefold() in self.taken else other
        self.taken.add(str(chosen).casefold())
        if chosen != stem:
            self.renamed.append(f"{path} -> {chosen}")
        return str(chosen)

    def notes(self, start: int = 0) -> list[str]:
        """The names that had to change, from the ``start``-th on."""
        renamed = self.renamed[start:]
        return (
            [f"{len(renamed)} pictures got another name (names must differ): {shortened(renamed)}"] if renamed else []
        )


def clean(part: str) -> str:
    """A part of a path that every file system, and a list with a path in each line, can hold."""
    part = part.encode("utf-8", "replace").decode("utf-8")  # bytes that are no UTF-8
    part = re.sub(r'[\x00-\x1f\x7f<>:"|?*,\u2028\u2029\x85]', "_", part).strip() or "_"
    while len(part.encode("utf-8")) > LONGEST:
        part = part[:-1]
    return part


def agreed_size(image: Path, height: object, width: object, where: str) -> tuple[int, int]:
    """(H, W) of a picture, which must be what the annotation file says, where it says so.

    Raises:
        DataError: the picture cannot be read, or was annotated at another size.
    """
    size = tuple(int(v) for v in image_size(image))
    stated = tuple(whole(v) for v in (height, width))
    if None in (height, width) or 0 in stated:  # not said; some tools write 0
        return size
    if stated != size:
        turned = " The sides are swapped: the picture carries an EXIF orientation." if stated == size[::-1] else ""
        raise DataError(
            f"{where} was drawn at {str(width)[:20]} x {str(height)[:20]}, but its picture {image} is {size[1]} x "
            f"{size[0]} (width x height).{turned} Annotate it as it is, or put back the one that was."
        )
    return size
