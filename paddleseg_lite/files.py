"""Files that are whole or absent, their hashes, and the folder for what is kept between runs."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .errors import ConfigError, EnvironmentProblem, cannot_write

logger = logging.getLogger("paddleseg_lite")

_CHUNK = 1 << 20
# what moves a terminal's cursor, colours it, or turns the order of letters around
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_told: set[Path] = set()  # cache folders already reported as unusable


def expanded(path: str | os.PathLike) -> Path:
    """A path with ``~`` replaced by the home it stands for; it need not exist.

    Raises:
        ConfigError: no file can have this path: there is no such home, it holds a NUL, is too long, or leads round in
            a circle of links.
    """
    text = os.fspath(path)
    try:
        found = Path(text).expanduser()
        os.stat(found)
    except OSError as e:
        if e.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise ConfigError(f"the path {text[:200]!r} cannot be used: {e.strerror}. Give another path.") from None
    except (RuntimeError, KeyError):  # KeyError: Python 3.9
        raise ConfigError(f"the path {text!r} begins with ~, and there is no such home: give another path.") from None
    except ValueError:
        raise ConfigError(f"the path {text[:200]!r} holds a NUL or a broken character: give another path.") from None
    return found


def make_folder(path: str | Path) -> Path:
    """Create a folder and make sure it can be written to.

    Raises:
        EnvironmentProblem: it cannot.
    """
    path = Path(path)
    try:
        _make_writable(path)
    except OSError as e:
        raise EnvironmentProblem(
            f"cannot write to the output folder {path}: {e.strerror or e}. Choose another one (--save_dir, "
            "--report, --json) or free some space."
        ) from None
    return path


def _make_writable(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    probe = path / f".write_test_{os.getpid()}"
    probe.touch()
    probe.unlink()


@contextlib.contextmanager
def whole_file(path: str | os.PathLike, *, suffix: str = "") -> Iterator[Path]:
    """A neighbour of ``path`` to write to; it takes the place of ``path`` when the block ends without an error.

    A link keeps pointing to its file, and what is no plain file (``/dev/stdout``) is never replaced: its own
    path is handed out then.

    Args:
        path: the file; its folder is made.
        suffix: of the neighbour's name, for writers that choose the format by it.

    Raises:
        EnvironmentProblem: the folder cannot be made or written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".writing-{os.urandom(16).hex()}{suffix}"
    try:
        if target.exists() and not target.is_file():
            yield target
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, target)
        finally:
            with contextlib.suppress(OSError):  # the first error is the one to hear of
                temporary.unlink(missing_ok=True)
    except OSError as e:
        raise cannot_write(path, e) from e


@contextlib.contextmanager
def open_whole(target: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    """A file to write bytes to, whole where ``target`` is a path; a file that is open already is handed on."""
    if hasattr(target, "write"):
        yield target
    else:
        with whole_file(target) as temporary, open(temporary, "wb") as f:
            yield f


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write a file whole.

    Raises:
        EnvironmentProblem: the folder cannot be made or written, or the disk is full.
    """
    with open_whole(path) as f:
        f.write(data)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Text in UTF-8, whole; what a file name holds that is no text is written as ``\\udcNN`` (valid in JSON)."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: str | os.PathLike, content: Any, *, default: Callable[[Any], Any] | None = None) -> None:
    """JSON in UTF-8, indented, whole; ``default`` turns what JSON does not know into what it does."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, default=default))


def plain(text: str) -> str:
    """The text with control characters as escapes (``\\x1b``); newlines and tabs stay."""
    return _CONTROL.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


def write_csv(path: str | os.PathLike, header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    """A table for spreadsheets, in UTF-8, whole; texts that a spreadsheet would compute are quoted with ``'``, and
    control characters are escapes.
    """
    import csv  # these few are not needed to print a tool's help

    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in (header, *rows))
    write_text(path, text.getvalue())


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: file and class names come from anywhere."""
    if not isinstance(value, (str, os.PathLike)):
        return value
    text = plain(str(value))
    if not text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """A JSON object that may be made again: ``{}`` where there is none or it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def file_hash(path: str | os.PathLike, kind: str = "sha256") -> str:
    """Hex digest of a file, read in pieces.

    Raises:
        OSError: the file cannot be read.
    """
    import hashlib

    digest = hashlib.new(kind)
    with open(path, "rb") as f:
        while block := f.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def cache_folder(name: str = "") -> Path:
    """A folder to keep things between runs: ``name`` under the cache folder, made and known to be writable.

    The cache folder is ``$PADDLESEG_LITE_CACHE``, else ``paddleseg_lite`` under ``$XDG_CACHE_HOME`` or
    ``~/.cache``. Where it cannot be written, or there is no home, the system's folder for temporary files serves;
    a warning says so once.
    """
    try:
        root = _chosen_root()
        _make_writable(root / name)
        return root / name
    except (OSError, RuntimeError, KeyError) as e:  # RuntimeError, in Python 3.9 KeyError: there is no home
        why = "there is no home directory" if isinstance(e, KeyError) else getattr(e, "strerror", None) or str(e)
        root = _temporary_root()
        _make_writable(root / name)
        if root not in _told:
            _told.add(root)
            logger.warning(
                "the cache folder cannot be used (%s): downloads and exports go to %s. Set PADDLESEG_LITE_CACHE "
                "to a folder you may write to.",
                why,
                root,
            )
        return root / name


def _chosen_root() -> Path:
    own = os.environ.get("PADDLESEG_LITE_CACHE")
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "paddleseg_lite"


def _temporary_root() -> Path:
    """A folder of this user alone: another one could have put weights there."""
    user = getattr(os, "getuid", lambda: None)()  # Windows: the folder for temporary files is the user's own
    root = Path(tempfile.gettempdir()) / (f"paddleseg_lite-{user}" if user is not None else "paddleseg_lite")
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        facts = root.lstat()
        if user is None or (facts.st_uid == user and not facts.st_mode & 0o022 and root.is_dir()):
            return root
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="paddleseg_lite-"))
