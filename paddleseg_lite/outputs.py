"""Outputs of several files, or of a file that grows: whole, or as they were before."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import ConfigError, EnvironmentProblem


@contextlib.contextmanager
def whole_files(folder: str | os.PathLike) -> Iterator[Path]:
    """A new folder to write files to; they go to ``folder`` together when the block ends without an error.

    Sub-folders of the new folder take the place of those of the same name as a whole; other files of ``folder``
    stay. Where not everything can be put in place, everything is as it was before.

    Raises:
        EnvironmentProblem: the folder cannot be made or written, or the disk is full.
    """
    folder = Path(folder)
    mark = uuid.uuid4().hex
    temporary, aside = folder / f".writing-{mark}", folder / f".old-{mark}"
    try:
        temporary.mkdir(parents=True)
        try:
            yield temporary
            _put_in_place(temporary, aside, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as e:
        raise cannot_write(folder, e) from e


def _put_in_place(temporary: Path, aside: Path, folder: Path) -> None:
    """Rename every entry into the folder; on an error rename all back. None of this needs space."""
    aside.mkdir()
    done: list[str] = []
    try:
        for name in sorted(os.listdir(temporary)):
            done.append(name)
            if os.path.lexists(folder / name):
                os.rename(folder / name, aside / name)
            os.rename(temporary / name, folder / name)
    except BaseException:
        for name in reversed(done):
            if not os.path.lexists(temporary / name):
                os.rename(folder / name, temporary / name)
            if os.path.lexists(aside / name):
                os.rename(aside / name, folder / name)
        raise


class Growing:
    """A file that grows by whole pieces; what cannot be written waits for the next time.

    A disk that is full for a while so costs nothing, and no half piece is ever followed by another one.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.waiting: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Append a piece.

        Raises:
            OSError: it cannot be written now.
        """
        self.waiting.append(piece)
        self.flush()

    def flush(self) -> None:
        """Append what waits."""
        data = b"".join(self.waiting)
        if not data:
            return
        with open(self.path, "ab", buffering=0) as f:
            whole = f.seek(0, os.SEEK_END)
            try:
                rest = memoryview(data)
                while rest:
                    written = f.write(rest)
                    if not written:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                    rest = rest[written:]
            except OSError:
                f.truncate(whole)
                raise
        self.waiting.clear()


def refuse_inputs(outputs: Iterable[str | os.PathLike], inputs: Iterable[str | os.PathLike], flag: str) -> None:
    """Make sure that no output would replace an input, under whatever name the two are given.

    Args:
        outputs: files that will be written.
        inputs: files that are read.
        flag: what chooses where the outputs go: ``--save_dir``.

    Raises:
        ConfigError: one would; names both.
    """
    known: dict[str, list[tuple[str, str | os.PathLike]]] = {}
    for path in inputs:
        place = _place(path)
        known.setdefault(os.path.basename(place).lower(), []).append((place, path))
    for path in outputs:
        place = _place(path)
        for other, source in known.get(os.path.basename(place).lower(), ()):
            if place == other or _one_file(place, other):
                raise ConfigError(f"the result {path} would replace the input {source}. Choose another {flag}.")


def _place(path: str | os.PathLike) -> str:
    """Where a path leads, links followed."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.fspath(path)


def _one_file(a: str, b: str) -> bool:
    """Whether two names that differ by case are one file, as they are on some systems."""
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):
        return False


def cannot_write(path: str | os.PathLike, error: OSError) -> EnvironmentProblem:
    """The error for an output that the system refuses."""
    return EnvironmentProblem(
        f"cannot write {path}: {error.strerror or error}. Choose a folder you may write to, or free some space."
    )
