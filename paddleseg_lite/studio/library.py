"""What lies in the folders the studio was given. Its visitors name things, never paths, and see nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataError, nearest

NETWORK, RECORD, STUDY, REPORT = "network", "record", "study", "report"
_WHAT = {NETWORK: "run or deployment", RECORD: "run", STUDY: "study", REPORT: "validation report"}
_DEPTH = 5  # folders below one that was given
_INSIDE = ("best_model", "samples", "vdl", "profile", "worst", "data")  # parts of a run, of a report


class Library:
    """Runs, deployments, studies and validation reports below some folders, by name.

    A name is the path below its folder (with the folder's own name in front where there are several). Links to folders
    are not followed, and what needs a file outside the folders is not listed.

    Args:
        folders: where to look; one that is absent is empty, for a first run may make it.
    """

    def __init__(self, folders: Sequence[str | os.PathLike]) -> None:
        self.roots = [Path(folder).resolve() for folder in folders]

    def names(self, kind: str) -> list[str]:
        """Names of one kind (``network``, ``record``, ``study``, ``report``), the newest first."""
        return list(self._found(kind))

    def path(self, kind: str, name: str) -> Path:
        """The folder of that name.

        Raises:
            DataError: there is none; names the nearest.
        """
        found = self._found(kind)
        if name not in found:
            hint = nearest(str(name)[:100], found) or " Is it below the folders given with --runs?"
            raise DataError(f"the studio knows no {_WHAT[kind]} '{str(name)[:100]}'.{hint}")
        return found[name]

    def contains(self, path: str | os.PathLike) -> bool:
        """Whether a path, all links followed, lies in the folders."""
        real = Path(os.path.realpath(path))
        return any(real == root or root in real.parents for root in self.roots)

    def file(self, folder: Path, *parts: str) -> Path | None:
        """A file in a folder of ours; None where it is absent or its links lead elsewhere."""
        path = folder.joinpath(*parts)
        return path if path.is_file() and self.contains(path) else None

    def _found(self, kind: str) -> dict[str, Path]:
        found = [(folder, name) for folder, name in self._folders() if self._is(kind, folder)]
        found.sort(key=lambda pair: -pair[0].stat().st_mtime)
        return {name: folder for folder, name in found}

    def _folders(self) -> Iterator[tuple[Path, str]]:
        for root in self.roots:
            for place, inside, _ in os.walk(root):
                folder = Path(place)
                below = folder.relative_to(root)
                inside[:] = sorted(
                    name for name in inside if name not in _INSIDE and not name.startswith((".", "iter_", "__"))
                )
                if len(below.parts) >= _DEPTH:
                    inside.clear()
                name = below.as_posix() if below.parts else root.name
                yield folder, f"{root.name}/{name}" if len(self.roots) > 1 and below.parts else name

    def _is(self, kind: str, folder: Path) -> bool:
        if kind == RECORD:
            return self._all(folder, "config.yml", "metrics.jsonl")
        if kind == STUDY:
            return self._all(folder, "report.json", "report.md")
        if kind == REPORT:
            return self._all(folder, "scores.json", "per_image.csv")
        return self._is_deployment(folder) or bool(self._checkpoint(folder))

    def _all(self, folder: Path, *names: str) -> bool:
        return all(self.file(folder, name) for name in names)

    def _is_deployment(self, folder: Path) -> bool:
        return self._all(folder, "deploy.yml") and self._closed(folder)

    def _checkpoint(self, folder: Path) -> bool:
        """Whether a run has weights, in files of ours."""
        if not self.file(folder, "config.yml"):
            return False
        candidates = [folder / "best_model", *folder.glob("iter_*")]
        own = [c for c in candidates if (c / "manifest.json").is_file()]
        return bool(own) and all(self.contains(c) and self._closed(c) for c in own)

    def _closed(self, folder: Path) -> bool:
        return all(self.contains(path) for path in folder.iterdir())
