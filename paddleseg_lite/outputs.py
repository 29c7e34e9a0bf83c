"""Outputs of several files, or of a file that grows: whole, or as they were before."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .errors import ConfigError, EnvironmentProblem, cannot_write


@contextlib.contextmanager
def whole_files(folder: str | os.PathLike, *, stale: Sequence[str] = ()) -> Iterator[Path]:
    """A new folder to write files to; they go to ``folder`` together when the block ends without an error.

    Other files of ``folder`` stay, in its sub-folders as well. Where not everything can be put in place, everything is
    as it was before.

    Args:
        folder: made where absent.
        stale: patterns of files (``worst/[0-9][0-9].png``) that an older output may have left and that go away.

    Raises:
        EnvironmentProblem: the folder cannot be made or written, or the disk is full.
    """
    folder = Path(folder)
    temporary = folder / f".writing-{uuid.uuid4().hex}"
    try:
        temporary.mkdir(parents=True)
        try:
            yield temporary
            _put_in_place(temporary, folder, [p for pattern in stale for p in folder.glob(pattern) if p.is_file()])
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except EnvironmentProblem as e:
        raise EnvironmentProblem(str(e).replace(str(temporary), str(folder))) from e
    except OSError as e:
        raise cannot_write(folder, e) from e


def _put_in_place(temporary: Path, folder: Path, stale: Sequence[Path]) -> None:
    """Rename every file into the folder, older ones aside; on an error rename all back. None of this needs space."""
    new = [path for path in sorted(temporary.rglob("*")) if path.is_file()]
    targets = [folder / path.relative_to(temporary) for path in new]
    aside = temporary / ".old"
    aside.mkdir()
    done: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        os.rename(source, target)
        done.append((source, target))

    try:
        for number, path in enumerate(dict.fromkeys([*targets, *stale])):
            if os.path.lexists(path):
                move(path, aside / str(number))
        for source, target in zip(new, targets):
            target.parent.mkdir(parents=True, exist_ok=True)
            move(source, target)
    except BaseException:
        for source, target in reversed(done):
            os.rename(target, source)
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
    parents: dict[str, str] = {}  # real paths of folders: there may be a million files in few of them
    known: dict[str, list[tuple[str, str | os.PathLike]]] = {}
    for path in inputs:
        place = _place(path, parents)
        known.setdefault(os.path.basename(place).lower(), []).append((place, path))
    for path in outputs:
        place = _place(path, parents)
        for other, source in known.get(os.path.basename(place).lower(), ()):
            if place == other or _one_file(place, other):
                raise ConfigError(f"the result {path} would replace the input {source}. Choose another {flag}.")


def refuse_others(path: str | os.PathLike, own: Callable[[bytes], bool], flag: str) -> None:
    """Make sure that a file which a flag names replaces nothing but an older output of the same tool.

    Args:
        path: where the output goes; it may be absent, empty, or no plain file (``/dev/stdout``).
        own: whether the bytes of a file are such an output.
        flag: what names the file: ``--json``.

    Raises:
        ConfigError: something else is there.
    """
    try:
        data = Path(path).read_bytes() if os.path.isfile(path) else b""
    except OSError:
        return  # whoever may not read it is told when it is written
    if data and not own(data):
        raise ConfigError(f"{path} is no output of this tool, and {flag} would replace it. Choose another {flag}.")


def json_with(*keys: str) -> Callable[[bytes], bool]:
    """For :func:`refuse_others`: a JSON object that has these keys."""

    def own(data: bytes) -> bool:
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            return False
        return isinstance(content, dict) and content.keys() >= set(keys)

    return own


def is_plot(data: bytes) -> bool:
    """For :func:`refuse_others`: a PNG that Matplotlib drew."""
    return data.startswith(b"\x89PNG") and b"atplotlib" in data[:4096]


def _place(path: str | os.PathLike, parents: dict[str, str]) -> str:
    """Where a path leads, links followed."""
    text = os.path.abspath(os.fspath(path))
    try:
        if os.path.islink(text):
            return os.path.realpath(text)
        parent, name = os.path.split(text)
        if parent not in parents:
            parents[parent] = os.path.realpath(parent)
        return os.path.join(parents[parent], name)
    except (OSError, ValueError):
        return text


def _one_file(a: str, b: str) -> bool:
    """Whether two names that differ by case are one file, as they are on some systems."""
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):
        return False
