"""Files and folders that are whole or absent."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from .errors import EnvironmentProblem


def make_folder(path: str | Path) -> Path:
    """Create a folder and make sure it can be written to.

    Raises:
        EnvironmentProblem: it cannot.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".write_test_{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise EnvironmentProblem(
            f"cannot write to the output folder {path}: {e.strerror or e}. Choose another one (--save_dir, "
            "--report, --json) or free some space."
        ) from None
    return path


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write a file whole: to a neighbour first, then renamed.

    Raises:
        EnvironmentProblem: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".writing-{uuid.uuid4().hex}"
        try:
            with open(temporary, "xb") as f:
                f.write(data)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as e:
        raise EnvironmentProblem(
            f"cannot write {path}: {e.strerror or e}. Choose a folder you may write to, or free some space."
        ) from e


def write_json(path: Path, content: Any) -> None:
    """JSON in UTF-8, indented; the file is complete or not there."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False))


def write_text(path: Path, text: str) -> None:
    """Text in UTF-8.

    Raises:
        EnvironmentProblem: the folder cannot be written, or the disk is full.
    """
    write_bytes(path, text.encode("utf-8"))
