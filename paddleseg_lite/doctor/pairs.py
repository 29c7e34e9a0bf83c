"""Facts about one image-label pair, remembered by path, size and time so that a second look is free."""

from __future__ import annotations

import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..data.exif import orientation
from ..data.io import image_size, read_label
from ..errors import DataError, EnvironmentProblem
from ..files import cache_folder, read_json, write_json
from ..progress import Progress
from ..runtime import available_cores
from .bands import look_at_levels, must_be_read

CACHE_VERSION = 3


@dataclass
class PairFacts:
    """What a pair of files looks like."""

    image: str
    label: str | None
    image_size: list[int] | None = None  # height, width, upright
    label_size: list[int] | None = None
    orientation: int = 1  # EXIF
    ids: dict[str, int] = field(default_factory=dict)  # id as stored -> pixels
    digest: str = ""  # of the image file's bytes
    problems: list[str] = field(default_factory=list)
    levels: dict | None = None  # :class:`.bands.Levels`, where the header was not enough


def look_at_pairs(
    pairs: list[tuple[str, str | None]], *, channels: int = 3, value_range=None, use_cache: bool = True
) -> list[PairFacts]:
    """Facts about every pair, in order; only files that changed since the last look are read.

    Args:
        channels, value_range: of the dataset.
        use_cache: remember, and use what is remembered.
    """
    keys = [_key(image, label, f"{channels} {value_range}") for image, label in pairs]
    cache = _Cache(pairs) if use_cache else None
    known = cache.read() if cache else {}
    todo = [i for i, key in enumerate(keys) if key not in known]
    workers = min(8, available_cores() + 1)
    with ThreadPoolExecutor(workers) as pool, Progress(len(todo), "files looked at") as progress:
        for i, facts in zip(todo, pool.map(lambda i: _look(*pairs[i], channels, value_range), todo)):
            known[keys[i]] = asdict(facts)
            progress.step()
    if cache and todo:
        cache.write({key: known[key] for key in keys})
    return [PairFacts(**known[key]) for key in keys]


def _key(image: str, label: str | None, settings: str) -> str:
    parts = [settings]
    for path in (image, label):
        if path is None:
            parts.append("-")
            continue
        try:
            stat = os.stat(path)
            parts.append(f"{path}|{stat.st_size}|{stat.st_mtime_ns}")
        except OSError:
            parts.append(f"{path}|absent")
    return hashlib.blake2b("||".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _look(image: str, label: str | None, channels: int, value_range) -> PairFacts:
    facts = PairFacts(image, label)
    try:
        data = Path(image).read_bytes()
        facts.digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        facts.orientation = orientation(data)
        facts.image_size = [int(v) for v in image_size(image, whole=True)]
        if must_be_read(data, channels):
            facts.levels = asdict(look_at_levels(image, channels, value_range))
    except (DataError, OSError) as e:
        facts.problems.append(str(e))
    if label is not None:
        if Path(label).suffix.lower() in (".jpg", ".jpeg", ".webp"):
            facts.problems.append(f"label {label} is stored with lossy compression, which invents class ids at borders")
        try:
            ids = read_label(label)
            facts.label_size = [int(v) for v in ids.shape]
            values, counts = np.unique(ids, return_counts=True) if ids.dtype != np.uint8 else _count_uint8(ids)
            facts.ids = {str(int(v)): int(c) for v, c in zip(values, counts)}
        except (DataError, OSError) as e:
            facts.problems.append(str(e))
    return facts


def _count_uint8(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.bincount(ids.ravel(), minlength=256)
    values = np.flatnonzero(counts)
    return values, counts[values]


class _Cache:
    """One JSON file per list of pairs, under the user's cache folder."""

    def __init__(self, pairs: list[tuple[str, str | None]]):
        name = hashlib.blake2b(repr(pairs).encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
        self.path = cache_folder("doctor") / f"{name}.v{CACHE_VERSION}.json"

    def read(self) -> dict[str, dict]:
        return read_json(self.path)

    def write(self, known: dict[str, dict]) -> None:
        with contextlib.suppress(EnvironmentProblem):  # a cache that cannot be written costs time, nothing else
            write_json(self.path, known)
