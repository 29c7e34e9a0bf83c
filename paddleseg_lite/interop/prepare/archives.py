"""Annotation tools export archives: they are unpacked to a folder that lives as long as its job."""

from __future__ import annotations

import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import DataError, EnvironmentProblem
from .pictures import IMAGES, is_file

WANTED = (*IMAGES, ".xml", ".json", ".txt", ".csv", ".yaml", ".yml")
RESERVE = 1 << 30  # bytes that stay free
CLASHES = (FileExistsError, NotADirectoryError, IsADirectoryError)  # a file and a folder of one name


def unpacked(path: Path) -> tuple[Path, Any]:
    """A folder, and what keeps it: the path itself, or a temporary folder where it is a zip archive.

    Only pictures and annotations are unpacked, and nothing leaves the folder.

    Raises:
        DataError: a damaged archive, or one with a password.
        EnvironmentProblem: it does not fit into the temporary folder.
    """
    if not is_file(path) or path.suffix.lower() != ".zip":
        return path, None
    keep = tempfile.TemporaryDirectory(prefix="paddleseg_lite-")
    folder = Path(keep.name)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and m.filename.lower().endswith(WANTED)]
            need, free = sum(m.file_size for m in members), shutil.disk_usage(folder).free
            if need > free - RESERVE:
                raise EnvironmentProblem(
                    f"{path} unpacks to {need >> 20} MiB, and {folder.parent} has {free >> 20} MiB: unpack it yourself "
                    "and name the folder, or set TMPDIR."
                )
            for member in members:
                extract(archive, member, folder)
    except EnvironmentProblem:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError, ValueError, *CLASHES) as e:
        raise DataError(f"{path} cannot be unpacked: {e}. Download it again, or unpack it yourself.") from None
    return folder, keep


def extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """One file, under its own name below the folder."""
    parts = [
        p for p in PurePosixPath(member.filename.replace("\\", "/")).parts if p not in ("/", "..") and ":" not in p
    ]
    if not parts or max(len(os.fsencode(part)) for part in parts) > 255:
        raise ValueError(f"a name in it is too long ({member.filename[:40]}...)")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)
